/** The batches that contenders append. The process that checks them knows them too. */

export const tapeName = "arena"

/** Returns batch `n` of a contender: one to three records. */
export const recordsOf = (
  by: string,
  n: number
): Array<{ readonly by: string; readonly n: number; readonly i: number }> =>
  Array.from({ length: 1 + (n % 3) }, (_, i) => ({ by, n, i }))

/** The number of cases of each property, unless it says otherwise: `LITETAPES_RUNS=10000` for a long run. */
export const runs = Number(process.env["LITETAPES_RUNS"] ?? 100)

/** The streams that the writers append to and the reader reads: one tape holds three of them. */
export const streams: ReadonlyArray<string> = ["order-1", "order-2", "order-3", "bill-1", "audit-1"]

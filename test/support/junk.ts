/** Values that a caller without types may pass by mistake, or on purpose. */
const revoked = <T extends object>(target: T): T => {
  const { proxy, revoke } = Proxy.revocable(target, {})
  revoke()
  return proxy
}

const refuse = (): never => {
  throw new Error("a trap of the caller")
}

class Custom {
  readonly own = 1
}

/** fast-check cannot draw them: it looks into what it draws, and some of these throw then. */
export const junk: ReadonlyArray<unknown> = [
  null,
  undefined,
  true,
  Number.NaN,
  -1,
  1.5,
  2 ** 53,
  Number.POSITIVE_INFINITY,
  7n,
  "",
  "x",
  "a-1",
  "\ud800",
  "a\u0000b",
  "x".repeat(600),
  Symbol("s"),
  () => 1,
  {},
  [],
  [null],
  [[]],
  [{}],
  Object.create(null),
  new Date(Number.NaN),
  new Map([[1, 1]]),
  new Custom(),
  [revoked({ type: "A" })],
  revoked({}),
  revoked([]),
  new Proxy({}, { get: refuse, ownKeys: refuse, has: refuse, getPrototypeOf: refuse }),
  new Proxy([{ type: "A" }], { get: refuse }),
  Object.defineProperty({}, "type", { enumerable: true, get: refuse }),
  Object.defineProperty({}, "from", { enumerable: true, get: refuse }),
  { type: "A" },
  [{ type: "A" }],
  [{ type: "A", data: revoked({}) }],
  [{ type: "A", metadata: revoked({}) }],
  [{ type: "A", tags: revoked([]) }],
  [{ type: "A", id: null }],
  [{ stream: "a-1", events: null }],
  [{ stream: null, events: [{ type: "A" }] }],
  [{ stream: "a-1", events: [null] }],
  [{ tape: "notes", records: null }],
  [{ tape: null, records: [{}] }],
  [{ tape: "notes", records: [revoked({})] }],
  { filter: { types: revoked([]) } },
  { placement: revoked({}) },
  { limits: { depthMax: revoked({}) } },
  { onProgress: revoked({}) },
  { records: 1.5 }
]

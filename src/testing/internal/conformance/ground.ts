/** What the checks stand on: one storage, and short ways to use it. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Root, Storage, StorageError } from "../../../services/ports/Storage.ts"
import { same } from "./expect.ts"

/** A storage and places in it that were never used before. */
export interface Ground {
  readonly storage: Storage["Service"]
  readonly place: () => string
  /** Whether a place that nothing has open holds these bytes anywhere; absent where that cannot be known. */
  readonly holds: ((place: string, bytes: Uint8Array) => Effect.Effect<boolean, unknown>) | undefined
}

/** One thing that the port demands, and how it is looked at. */
export interface Demand {
  readonly name: string
  readonly promise: string
  readonly body: (ground: Ground) => Effect.Effect<void, unknown, Scope.Scope>
}

type Opened = Effect.Effect<Root, StorageError, Scope.Scope>

export const open = ({ storage }: Ground, at: string, mode: "write" | "read" | "recover" = "write"): Opened =>
  storage.open(at, mode)

/** Opens a lib that gets its meta, and a tape. */
export const openLib = (ground: Ground, at: string = ground.place()): Opened =>
  Effect.tap(open(ground, at), (root) =>
    Effect.andThen(root.meta.replace(undefined, undefined, bytes("lib\n")), root.tapes.create("order", bytes("tape\n")))
  )

export const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)

export const text = (read: Uint8Array | undefined): string | undefined =>
  read === undefined ? undefined : new TextDecoder().decode(read)

const patterns = new Map<number, Uint8Array>()

/** Bytes of which no two stretches are alike, so that a misplaced one shows. */
export const pattern = (length: number): Uint8Array => {
  const known = patterns.get(length)
  if (known !== undefined) return known.slice()
  const filled = new Uint8Array(length)
  let state = 1
  for (let i = 0; i < length; i++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    filled[i] = state >>> 24
  }
  patterns.set(length, filled)
  return filled.slice()
}

/** Looks for what no operation of the port reads any more, where the storage's author has said how to. */
export const keeps = ({ holds }: Ground, at: string, kept: ReadonlyArray<string>): Effect.Effect<void, unknown> =>
  Effect.gen(function* () {
    if (holds === undefined) return
    same("whether what was never written is kept", yield* holds(at, bytes("never written\n")), false)
    for (const one of kept) same(`whether ${JSON.stringify(one)} is kept`, yield* holds(at, bytes(one)), true)
  })

type Ranges = ReadonlyArray<readonly [offset: number, length: number]>

/** Reads 10,000 single bytes of `all` in one call, in no order: whoever cuts it into pieces has to join them again. */
export const manyRanges = (
  what: string,
  all: Uint8Array,
  read: (ranges: Ranges) => Effect.Effect<ReadonlyArray<Uint8Array>, StorageError>
): Effect.Effect<void, StorageError> => {
  const ranges: Ranges = Array.from({ length: 10_000 }, (_, i) => [(i * 7919) % all.length, 1])
  return Effect.map(read(ranges), (found) => {
    same(`how many of 10,000 ranges of ${what} come back`, found.length, ranges.length)
    const wrong = ranges.findIndex(([offset], i) => found[i]?.length !== 1 || found[i][0] !== all[offset])
    same(`which of 10,000 ranges of ${what} is the first wrong one (-1: none)`, wrong, -1)
  })
}

/** What no name of a file may be. */
export const unsafeNames = ["", ".", "..", "../order", "/etc", "a/../../b", "a\\b", "a\0b", "a//b", "./a"] as const

/** What is no name of a tape. */
export const notTapes = [...unsafeNames, "litelib.x", "order/x", "order.tmp", "order.aside-1"] as const

/** What is no name of a segment. Two stand in folders of derived files. */
export const notSegments = [
  ...unsafeNames,
  "a/b/c",
  "tape.meta.jsonl",
  "index/x",
  "stream-state/seg-000001.jsonl",
  "seg-000001.jsonl.tmp"
] as const

/** What is no name of a derived file. */
export const notDerivedNames = [
  ...unsafeNames,
  "a/b",
  ".a",
  "-a",
  "a.",
  "a.tmp",
  "A",
  "a b",
  "é",
  "a".repeat(201)
] as const

/** What is no kind of derived files. Some have what is no derived file in a folder of their name. */
export const notDerivedKinds = [
  ...unsafeNames,
  "a/b",
  "Index",
  "index1",
  "index-",
  "-index",
  "index.tmp",
  "shard-0001",
  "tape.meta.jsonl",
  "a".repeat(33)
] as const

/** A segment right in its tape's folder. */
export const segment = "seg-000001.jsonl"

/** A segment in a shard. */
export const sharded = "shard-0001/seg-000123.jsonl.zst"

/** What was appended to a dynamic segment, without the room that may be behind it. */
export const withoutRoom = (found: Uint8Array | undefined): string => (text(found) ?? "").replace(/\0+$/, "")

/** One storage for all checks, and shortcuts for it. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Root, Storage, StorageError } from "../../../services/ports/Storage.ts"
import { same } from "./expect.ts"

/** A storage, and places in it that were never used before. */
export interface Ground {
  readonly storage: Storage["Service"]
  readonly place: () => string
  /** Returns whether a place that nothing has open contains these bytes anywhere; absent if that cannot be known. */
  readonly holds: ((place: string, bytes: Uint8Array) => Effect.Effect<boolean, unknown>) | undefined
}

/** One demand of the port, and its check. */
export interface Demand {
  readonly name: string
  readonly promise: string
  readonly body: (ground: Ground) => Effect.Effect<void, unknown, Scope.Scope>
}

type Opened = Effect.Effect<Root, StorageError, Scope.Scope>

export const open = ({ storage }: Ground, at: string, mode: "write" | "read" | "recover" = "write"): Opened =>
  storage.open(at, mode)

/** Opens a lib, and gives it a meta and a tape. */
export const openLib = (ground: Ground, at: string = ground.place()): Opened =>
  Effect.tap(open(ground, at), (root) =>
    Effect.andThen(root.meta.replace(undefined, undefined, bytes("lib\n")), root.tapes.create("order", bytes("tape\n")))
  )

export const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)

export const text = (read: Uint8Array | undefined): string | undefined =>
  read === undefined ? undefined : new TextDecoder().decode(read)

const patterns = new Map<number, Uint8Array>()

/** Returns bytes of which no two stretches are alike, so that a misplaced one is noticed. */
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

/** Looks for bytes that no operation of the port reads any more, if the storage's author has defined how. */
export const keeps = ({ holds }: Ground, at: string, kept: ReadonlyArray<string>): Effect.Effect<void, unknown> =>
  Effect.gen(function* () {
    if (holds === undefined) return
    same("whether what was never written is kept", yield* holds(at, bytes("never written\n")), false)
    for (const one of kept) same(`whether ${JSON.stringify(one)} is kept`, yield* holds(at, bytes(one)), true)
  })

type Ranges = ReadonlyArray<readonly [offset: number, length: number]>

/**
 * Reads 10,000 single bytes of `all` in one call, in no order: a storage that splits the call has to join the results.
 */
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

/** Names that no file may have. */
export const unsafeNames = ["", ".", "..", "../order", "/etc", "a/../../b", "a\\b", "a\0b", "a//b", "./a"] as const

/** Texts that are not the name of a tape. */
export const notTapes = [...unsafeNames, "litelib.x", "order/x", "order.tmp", "order.aside-1"] as const

/** Texts that are not the name of a segment. Two are in folders of derived files. */
export const notSegments = [
  ...unsafeNames,
  "a/b/c",
  "tape.meta.jsonl",
  "index/x",
  "stream-state/seg-000001.jsonl",
  "seg-000001.jsonl.tmp"
] as const

/** Texts that are not the name of a derived file. */
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

/** Texts that are not a kind of derived files. Some of them name what is in a tape's folder. */
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

/** A segment directly in its tape's folder. */
export const segment = "seg-000001.jsonl"

/** A segment in a shard. */
export const sharded = "shard-0001/seg-000123.jsonl.zst"

/** Returns what was appended to a dynamic segment, without the room that may follow it. */
export const withoutRoom = (found: Uint8Array | undefined): string => (text(found) ?? "").replace(/\0+$/, "")

/** Meta: read, and changed atomically against what was read. */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type { Meta, MetaOwner, Root, StorageError } from "../../../services/ports/Storage.ts"
import { refused, same, Unmet } from "./expect.ts"
import { bytes, type Demand, notTapes, open, openLib, text } from "./ground.ts"

const owners: ReadonlyArray<MetaOwner> = [undefined, "order"]

const nameOf = (owner: MetaOwner): string => (owner === undefined ? "lib meta" : `meta of tape ${owner}`)

/** Reads meta that must exist. */
const existing = (root: Root, owner: MetaOwner): Effect.Effect<Meta, StorageError> =>
  Effect.map(root.meta.read(owner), (meta) => {
    if (meta === undefined) throw new Unmet(nameOf(owner), "it exists", "it does not exist")
    return meta
  })

export const metaDemands: ReadonlyArray<Demand> = [
  {
    name: "meta is absent until it is written",
    promise: "read returns undefined if there is no meta",
    body: (ground) =>
      Effect.gen(function* () {
        const root = yield* open(ground, ground.place())
        for (const owner of owners) same(nameOf(owner), yield* root.meta.read(owner), undefined)
      })
  },
  {
    name: "a change is made against the version that was read, and returns the new version",
    promise: "append and replace change meta against what was read; the result is the new version",
    body: (ground) =>
      Effect.gen(function* () {
        const root = yield* openLib(ground)
        for (const owner of owners) {
          const what = nameOf(owner)
          const first = yield* existing(root, owner)
          const appended = yield* root.meta.append(owner, first.version, bytes("more\n"))
          const second = yield* existing(root, owner)
          same(`${what} after an append`, text(second.bytes), `${text(first.bytes)}more\n`)
          same(`version of ${what} after an append`, second.version, appended)
          const replaced = yield* root.meta.replace(owner, appended, bytes("new\n"))
          same(`${what} after a replacement`, text((yield* existing(root, owner)).bytes), "new\n")
          same(`version of ${what} after a replacement`, (yield* existing(root, owner)).version, replaced)
        }
      })
  },
  {
    name: "a change against an outdated version is refused and changes nothing",
    promise:
      "version is that of what was read: changed if meta has another one now, exists if there must not be any meta yet",
    body: (ground) =>
      Effect.gen(function* () {
        const root = yield* openLib(ground)
        for (const owner of owners) {
          const what = nameOf(owner)
          const stale = (yield* existing(root, owner)).version
          const version = yield* root.meta.append(owner, stale, bytes("more\n"))
          yield* refused(`appending to an old ${what}`, root.meta.append(owner, stale, bytes("x")), "changed")
          yield* refused(`replacing an old ${what}`, root.meta.replace(owner, stale, bytes("x")), "changed")
          yield* refused(`making ${what} twice`, root.meta.replace(owner, undefined, bytes("x")), "exists")
          same(`version of ${what} afterwards`, (yield* existing(root, owner)).version, version)
        }
      })
  },
  {
    name: "a change of meta that does not exist is refused, and so is meta of a tape that does not exist",
    promise: "a change is made against what was read: if there is nothing, there is nothing to change",
    body: (ground) =>
      Effect.gen(function* () {
        const root = yield* open(ground, ground.place())
        const version = yield* root.meta.replace(undefined, undefined, bytes("lib\n"))
        yield* refused("appending to absent meta", root.meta.append("order", version, bytes("x")), "changed")
        yield* refused("replacing absent meta", root.meta.replace("order", version, bytes("x")), "changed")
        yield* refused("meta for an absent tape", root.meta.replace("order", undefined, bytes("x")), "not-found")
      })
  },
  {
    name: "of concurrent changes against one version, exactly one is made",
    promise: "a change is atomic against what was read: of two writers that read the same, one is refused",
    body: (ground) =>
      Effect.gen(function* () {
        const root = yield* openLib(ground)
        for (const operations of [
          ["replace", "replace", "replace"],
          ["replace", "append", "append"],
          ["append", "replace", "append"]
        ] as const) {
          const { version } = yield* existing(root, "order")
          const results = yield* Effect.forEach(
            operations,
            (operation, index) => Effect.result(root.meta[operation]("order", version, bytes(`${version} ${index}\n`))),
            { concurrency: "unbounded" }
          )
          const versions = results.filter(Result.isSuccess).map((result) => result.success)
          same(`versions after ${operations.join(", ")}`, versions, [(yield* existing(root, "order")).version])
          const reasons = results.filter(Result.isFailure).map((result) => result.failure.reason)
          same(`refusals of ${operations.join(", ")}`, reasons, ["changed", "changed"])
        }
      })
  },
  {
    name: "meta is a copy of the bytes that were given, even after the lib is opened again",
    promise: "what was written is durable; storage keeps no bytes of the caller, and hands out none of its own",
    body: (ground) =>
      Effect.gen(function* () {
        const at = ground.place()
        const version = yield* Effect.scoped(
          Effect.gen(function* () {
            const root = yield* open(ground, at)
            const given = bytes("lib\n")
            const made = yield* root.meta.replace(undefined, undefined, given)
            given.fill(0)
            const read = yield* existing(root, undefined)
            read.bytes.fill(0)
            return made
          })
        )
        const meta = yield* Effect.flatMap(open(ground, at), (root) => existing(root, undefined))
        same("lib meta after another opening", text(meta.bytes), "lib\n")
        same("its version", meta.version, version)
      })
  },
  {
    name: "meta is not read if it is larger than its reader accepts",
    promise: "read fails with too-large if it has more than bytesMax bytes",
    body: (ground) =>
      Effect.gen(function* () {
        const root = yield* openLib(ground)
        for (const owner of owners) {
          const { bytes: held, version } = yield* existing(root, owner)
          const fitting = yield* root.meta.read(owner, held.length)
          same(`version of ${nameOf(owner)}, read with room for exactly it`, fitting?.version, version)
          yield* refused(`reading ${nameOf(owner)} a byte short`, root.meta.read(owner, held.length - 1), "too-large")
        }
      })
  },
  {
    name: "names that could lead elsewhere are refused as owners of meta",
    promise: "an invalid name of a tape is unsafe, whatever operation it is given to",
    body: (ground) =>
      Effect.gen(function* () {
        const root = yield* openLib(ground)
        for (const name of notTapes) {
          const shown = JSON.stringify(name)
          yield* refused(`read of ${shown}`, root.meta.read(name), "unsafe")
          yield* refused(`replace of ${shown}`, root.meta.replace(name, undefined, bytes("x")), "unsafe")
          yield* refused(`append of ${shown}`, root.meta.append(name, "", bytes("x")), "unsafe")
        }
      })
  }
]

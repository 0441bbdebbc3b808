/** Backup and restore: what is refused, and what a failure leaves. Properties of what they copy are in test/property. */
import { assert, describe } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Lib from "litetapes/Lib"
import { Storage } from "litetapes/Storage"
import type { StorageService } from "../../support/openLib.ts"
import { existingTape, recordsOf, storeOf, tagOf, tapeOf, withLib } from "../../support/openLib.ts"
import { failing } from "../../support/failingStorage.ts"
import { flipped } from "../../support/copyLib.ts"
import {
  damageOwn,
  fill,
  itQuietly,
  numbered,
  rewrite,
  tamper,
  type TransformKind
} from "../../support/transformGround.ts"
import { watched } from "../../support/watchedStorage.ts"

const restoring = (storage: StorageService, from: string, to: string, options?: Lib.RestoreOptions) =>
  Effect.provideService(Lib.restore(from, to, options), Storage, storage)

const reading = { mode: "read" } as const

/** Makes a lib with a tape of six records and three events, and a backup of it. */
const backedUp = Effect.fnUntraced(function* (storage: StorageService, at: string, target: string) {
  return yield* withLib(storage, at, (lib) =>
    Effect.gen(function* () {
      yield* fill(lib, "a", 3, 2)
      const store = yield* storeOf(lib)
      yield* store.append(
        "order-1",
        [1, 2, 3].map((n) => ({ type: "Happened", data: { n } }))
      )
      return yield* lib.backup(target)
    })
  )
})

export const backupContract = ({ ground, place }: TransformKind): void => {
  describe("a backup", () => {
    itQuietly("is opened by readers only", () =>
      Effect.gen(function* () {
        const { storage } = yield* ground
        const [at, target] = [place(), place()]
        yield* backedUp(storage, at, target)
        assert.lengthOf(yield* withLib(storage, target, (lib) => recordsOf(lib, "a"), reading), 6)
        assert.strictEqual(yield* tagOf(withLib(storage, target, () => Effect.void)), "LibIsBackup")
        assert.strictEqual(yield* tagOf(Effect.provideService(Lib.recover(target), Storage, storage)), "LibIsBackup")
        const append = withLib(storage, target, (lib) => lib.commit([{ tape: "a", records: [{ n: 1 }] }]), reading)
        assert.strictEqual(yield* tagOf(append), "ReadOnly")
      })
    )

    itQuietly("gives a clone of one of its tapes numbers from which the clone's own lib can continue", () =>
      Effect.gen(function* () {
        const { storage } = yield* ground
        const [at, target, other, again] = [place(), place(), place(), place()]
        yield* withLib(storage, at, (lib) =>
          Effect.gen(function* () {
            // In a dynamic segment only: the backup makes a segment of its own.
            yield* Effect.flatMap(tapeOf(lib, "a"), (tape) => tape.append(numbered(0, 3)))
            yield* lib.backup(target)
          })
        )
        yield* withLib(storage, other, (lib) =>
          Effect.gen(function* () {
            const source = yield* Effect.provideService(Lib.open(target, reading), Storage, storage)
            yield* Effect.flatMap(existingTape(source, "a"), (tape) => tape.clone(lib, "a"))
            const clone = yield* existingTape(lib, "a")
            for (let n = 3; n < 6; n++) {
              yield* clone.append(numbered(n, n + 1))
              yield* lib.backup(again)
              yield* clone.appendSegment
              yield* lib.backup(again)
            }
            for (const { number } of yield* clone.segments) assert.isBelow(number, 100)
            assert.lengthOf(yield* recordsOf(lib, "a"), 6)
          })
        )
        assert.lengthOf(yield* withLib(storage, again, (lib) => recordsOf(lib, "a"), reading), 6)
      })
    )

    itQuietly("is refused where something else is, and changes nothing there", () =>
      Effect.gen(function* () {
        const { storage } = yield* ground
        const [at, target, other, otherTarget] = [place(), place(), place(), place()]
        yield* backedUp(storage, at, target)
        yield* backedUp(storage, other, otherTarget)
        yield* withLib(storage, at, (lib) =>
          Effect.gen(function* () {
            for (const [to, tag] of [
              [at, "NotABackup"],
              [`${at}/./x/../`, "NotABackup"],
              [`${at}/backup`, "NotABackup"],
              [other, "NotABackup"],
              [otherTarget, "OtherHistory"]
            ] as const) {
              assert.strictEqual(yield* tagOf(lib.backup(to)), tag, to)
            }
          })
        )
        for (const copy of [other, otherTarget])
          assert.lengthOf(yield* withLib(storage, copy, (lib) => recordsOf(lib, "a"), reading), 6)
        // A reader of the lib holds no lock on it.
        const onto = withLib(storage, at, (lib) => tagOf(lib.backup(other)), reading)
        assert.strictEqual(yield* onto, "NotABackup")
      })
    )

    itQuietly("is refused while another one writes to the same place", () =>
      Effect.gen(function* () {
        const { storage } = yield* ground
        const [at, target] = [place(), place()]
        const watch = watched(storage)
        const [begun, go] = [yield* Deferred.make<void>(), yield* Deferred.make<void>()]
        watch.before = (operation) =>
          operation === "segments.write"
            ? Effect.andThen(Deferred.succeed(begun, undefined), Deferred.await(go))
            : Effect.void
        yield* withLib(storage, at, (lib) =>
          Effect.gen(function* () {
            yield* fill(lib, "a", 3, 2)
            const first = yield* Effect.forkChild(lib.backup(target, { storage: watch.storage }))
            yield* Deferred.await(begun)
            assert.strictEqual(yield* tagOf(lib.backup(target)), "LibLocked")
            yield* Deferred.succeed(go, undefined)
            yield* Fiber.join(first)
            yield* lib.backup(target)
          })
        )
      })
    )

    itQuietly("does not take a damaged segment, and leaves the backup before it as it was", () =>
      Effect.gen(function* () {
        const { storage } = yield* ground
        const [at, target] = [place(), place()]
        yield* backedUp(storage, at, target)
        yield* withLib(storage, at, (lib) =>
          Effect.flatMap(existingTape(lib, "a"), (tape) =>
            Effect.andThen(tape.append(numbered(6, 8)), tape.appendSegment)
          )
        )
        // The last one, which may have been merged with others.
        yield* tamper(storage, at, (root) =>
          Effect.flatMap(root.segments.list("a"), (names) =>
            rewrite(root, "a", names.at(-1)!, (bytes) => flipped(bytes, 5))
          )
        )
        const again = withLib(storage, at, (lib) => tagOf(lib.backup(target)))
        assert.strictEqual(yield* again, "SegmentCorrupt")
        assert.lengthOf(yield* withLib(storage, target, (lib) => recordsOf(lib, "a"), reading), 6)
      })
    )

    itQuietly("needs a new place after a tape was recovered", () =>
      Effect.gen(function* () {
        const { storage } = yield* ground
        const [at, target, fresh] = [place(), place(), place()]
        yield* backedUp(storage, at, target)
        yield* withLib(storage, at, (lib) =>
          Effect.gen(function* () {
            yield* damageOwn(lib, "a")
            assert.include(["TapeInvalid", "MetaCorrupt"], yield* tagOf(lib.backup(fresh)))
            yield* lib.recoverTape("a")
            assert.strictEqual(yield* tagOf(lib.backup(target)), "OtherHistory")
            yield* lib.backup(fresh)
          })
        )
        assert.lengthOf(yield* withLib(storage, fresh, (lib) => recordsOf(lib, "a"), reading), 6)
      })
    )

    for (const operation of ["segments.write", "meta.replace", "tapes.create", "segments.read"] as const) {
      itQuietly(`fails alone if ${operation} fails, and the lib continues`, () =>
        Effect.gen(function* () {
          const { storage } = yield* ground
          for (let nth = 1, failed = true; failed; nth++) {
            const [at, target] = [place(), place()]
            const disk = failing(storage)
            const source = operation === "segments.read" ? disk.storage : storage
            yield* withLib(source, at, (lib) =>
              Effect.gen(function* () {
                yield* fill(lib, "a", 3, 2)
                disk.plan({ operation, nth, when: "before" })
                const result = yield* Effect.result(lib.backup(target, { storage: disk.storage }))
                failed = disk.hasFailed()
                assert.strictEqual(result._tag === "Failure", failed)
                if (result._tag === "Failure") assert.strictEqual(result.failure._tag, "StorageError")
                disk.plan(undefined)
                yield* lib.commit([{ tape: "a", records: numbered(6, 8) }])
                yield* lib.backup(target)
              })
            )
            assert.deepStrictEqual(
              yield* withLib(storage, target, (lib) => recordsOf(lib, "a"), reading),
              numbered(0, 8)
            )
          }
        })
      )
    }

    itQuietly("ends with LibClosed when its lib is closed, and is continued by the next run", () =>
      Effect.gen(function* () {
        const { storage } = yield* ground
        const [at, target] = [place(), place()]
        const watch = watched(storage)
        const begun = yield* Deferred.make<void>()
        let held = true
        watch.before = (operation) =>
          operation === "segments.write" && held
            ? Effect.andThen(Deferred.succeed(begun, undefined), Effect.never)
            : Effect.void
        yield* withLib(storage, at, (lib) =>
          Effect.gen(function* () {
            yield* fill(lib, "a", 3, 2)
            const backup = yield* Effect.forkChild(tagOf(lib.backup(target, { storage: watch.storage })))
            yield* Deferred.await(begun)
            yield* lib.close
            assert.strictEqual(yield* Fiber.join(backup), "LibClosed")
          })
        )
        held = false
        const opened = withLib(storage, target, () => Effect.void, reading)
        assert.strictEqual(yield* tagOf(opened), "BackupUnfinished")
        const report = yield* withLib(storage, at, (lib) => lib.backup(target))
        assert.isTrue(report.resumed)
        yield* opened
      })
    )

    itQuietly("says how far it is", () =>
      Effect.gen(function* () {
        const { storage } = yield* ground
        const seen: Array<Lib.Progress> = []
        yield* withLib(storage, place(), (lib) =>
          Effect.gen(function* () {
            const tape = yield* fill(lib, "a", 3, 2)
            yield* tape.append(numbered(6, 9))
            yield* lib.backup(place(), { onProgress: (progress) => Effect.sync(() => void seen.push(progress)) })
          })
        )
        assert.isAtLeast(seen.length, 4)
        assert.deepStrictEqual(seen.at(-1)!.done, seen.at(-1)!.total)
        assert.strictEqual(seen.at(-1)!.done.records, 9)
      })
    )
  })

  describe("a restore", () => {
    itQuietly("needs a backup, and an empty place", () =>
      Effect.gen(function* () {
        const { storage } = yield* ground
        const [at, target] = [place(), place()]
        yield* backedUp(storage, at, target)
        assert.strictEqual(yield* tagOf(restoring(storage, at, place())), "NotABackup")
        assert.strictEqual(yield* tagOf(restoring(storage, target, at)), "NotABackup")
        assert.strictEqual(yield* tagOf(restoring(storage, target, target)), "NotABackup")
        assert.strictEqual(yield* tagOf(restoring(storage, place(), place())), "LibInvalid")
        assert.strictEqual(yield* tagOf(restoring(storage, target, place(), { upTo: 4 })), "OtherHistory")
      })
    )

    itQuietly("begins a lineage each time, and drops those that it goes back before", () =>
      Effect.gen(function* () {
        const { storage } = yield* ground
        const [at, target] = [place(), place()]
        yield* backedUp(storage, at, target)
        const lineages: Array<Lib.Place> = [(yield* withLib(storage, at, (lib) => lib.backup(target))).place]
        let from = target
        for (const upTo of [3, 4, 1]) {
          const [to, next] = [place(), place()]
          const { place: made } = yield* restoring(storage, from, to, { upTo })
          lineages.push(made)
          yield* withLib(storage, to, (lib) =>
            Effect.gen(function* () {
              assert.strictEqual(lib.lineage, made.lineage)
              const store = yield* storeOf(lib)
              const added = yield* store.append(
                "order-1",
                [1, 2].map((n) => ({ type: "Happened", data: { upTo, n } }))
              )
              assert.deepInclude(added, { firstPosition: upTo, firstRevision: upTo })
              yield* lib.backup(next)
            })
          )
          from = next
        }
        // Back to position 1: of the history of the last one, only the first event is left.
        const held = yield* withLib(
          storage,
          from,
          (lib) =>
            Effect.forEach(lineages, ({ lineage }) =>
              Effect.map(
                Effect.forEach([0, 1, 2, 3, 4], (position) => lib.contains({ lib: lib.id, lineage, position })),
                (each) => each.filter(Boolean).length
              )
            ),
          reading
        )
        assert.deepStrictEqual(held, [1, 0, 0, 3])
      })
    )

    itQuietly("leaves a tape of records whole, however few events are restored", () =>
      Effect.gen(function* () {
        const { storage } = yield* ground
        const [at, target, to] = [place(), place(), place()]
        yield* backedUp(storage, at, target)
        yield* restoring(storage, target, to, { upTo: 0 })
        yield* withLib(storage, to, (lib) =>
          Effect.gen(function* () {
            assert.lengthOf(yield* recordsOf(lib, "a"), 6)
            const store = yield* storeOf(lib)
            assert.strictEqual(yield* store.revision("order-1"), "no-stream")
            yield* tapeOf(lib, "new")
            assert.isTrue((yield* lib.verify()).ok)
          })
        )
      })
    )
  })
}

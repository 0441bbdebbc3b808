/** Recoveries of a tape that run twice, fail, are interrupted or are refused: the next one finds the same records. */
import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import { checkRecovery, checkWhole, damagedLib, segmentFile } from "../../support/damagedLib.ts"
import { failing } from "../../support/failingStorage.ts"
import { existingTape, type LibService, recordsOf, tagOf, tapeOf } from "../../support/openLib.ts"
import {
  appendTo,
  crashed,
  filesOf,
  fill,
  itQuietly,
  numbered,
  openSession,
  putFiles,
  rewriteMeta,
  tamper,
  type TransformKind,
  withLib
} from "../../support/transformGround.ts"

export const recoverAgainContract = (kind: TransformKind): void => {
  describe("recover", () => {
    againContract(kind)
    interruptionContract(kind)
    refusalsContract(kind)
  })
}

/** Appends nine records in three segments, and three that are in no segment yet. */
const twelve = (lib: LibService) => Effect.flatMap(fill(lib, "a", 3, 3), (tape) => tape.append(numbered(9, 12)))

const allTwelve = { records: 12, lost: [], dropped: [], gaps: [] }

const againContract = (kind: TransformKind): void => {
  it.live("can run twice, and is as durable as any commit", () =>
    Effect.gen(function* () {
      let { at, ...found } = yield* damagedLib(kind, {
        write: (lib) => fill(lib, "a", 4, 3),
        damage: (root) => root.segments.remove("a", segmentFile(2))
      })
      /** Continues in a copy that looks as if the writer had been killed. */
      const crash = (use: (lib: LibService) => Effect.Effect<unknown, unknown>) =>
        Effect.gen(function* () {
          const copied = kind.place()
          yield* crashed(found, at, copied, use)
          at = copied
        })
      yield* crash((lib) => appendTo(lib, "a", numbered(12, 15)))
      const expected = numbered(0, 15).filter(({ n }) => (n as number) < 3 || (n as number) >= 6)
      for (const round of [0, 1]) {
        yield* found.loseMeta(at, "a")
        yield* crash((lib) =>
          Effect.gen(function* () {
            yield* checkRecovery(lib, {}, expected)
            const more = numbered(20 + round, 21 + round)
            yield* appendTo(lib, "a", more)
            expected.push(...more)
          })
        )
      }
      for (const recovered of [true, false, false]) {
        yield* withLib(found.storage, at, (lib) =>
          Effect.gen(function* () {
            assert.strictEqual(lib.report.recovered, recovered)
            assert.deepStrictEqual(yield* recordsOf(lib, "a", { allowGaps: true }), expected)
            // The listing must still name the replaced tape after it was written anew.
            yield* lib.archive("a")
            yield* lib.activate("a")
            assert.isTrue((yield* lib.verify()).ok)
          })
        )
      }
    })
  )

  for (const [what, operation, nth, error] of [
    // Nothing rests on the copy of a file that is kept.
    ["the copy of a segment", "segments.write", 1, "StorageError"],
    ["a new segment", "segments.write", 4, "WriterPoisoned"],
    ["the change of lib meta", "meta.append", 1, "WriterPoisoned"],
    ["the change of tape meta", "meta.replace", 1, "WriterPoisoned"]
  ] as const) {
    for (const when of ["before", "after"] as const) {
      it.live(`can be repeated after ${what} failed (${when} it was done)`, () =>
        Effect.gen(function* () {
          const { at, open, storage } = yield* damagedLib(kind, { crash: twelve, lose: ["a"] })
          const disk = failing(storage)
          const session = yield* openSession(disk.storage, at)
          disk.plan({ operation, nth, when })
          assert.strictEqual(yield* tagOf(session.lib.recoverTape("a")), error)
          assert.isTrue(disk.hasFailed())
          yield* session.close
          yield* open((lib) =>
            Effect.gen(function* () {
              if (operation !== "meta.replace" || when === "before")
                yield* checkRecovery(lib, allTwelve, numbered(0, 12))
              assert.deepStrictEqual(yield* recordsOf(lib, "a"), numbered(0, 12))
              yield* appendTo(lib, "a", numbered(12, 13))
            })
          )
          yield* open((lib) => checkWhole(lib, numbered(0, 13)))
        })
      )
    }
  }
}

const interruptionContract = (kind: TransformKind): void => {
  for (const how of ["interrupted from within", "interrupted from outside", "ended by the close of its lib"] as const) {
    itQuietly(`changes nothing and can be repeated if it is ${how}, and appends continue`, () =>
      Effect.gen(function* () {
        const { at, open, storage } = yield* damagedLib(kind, {
          crash: (lib) => Effect.andThen(twelve(lib), tapeOf(lib, "b")),
          lose: ["a"]
        })
        for (const stop of [1, 3, 4]) {
          const session = yield* openSession(storage, at)
          const stopped = yield* Deferred.make<void>()
          let calls = 0
          const onProgress = () =>
            Effect.suspend(() => {
              if ((calls += 1) !== stop) return Effect.void
              if (how === "interrupted from within") return Effect.interrupt
              return Effect.andThen(Deferred.succeed(stopped, undefined), Effect.never)
            })
          const fiber = yield* Effect.forkChild(session.lib.recoverTape("a", { onProgress }))
          if (how !== "interrupted from within") yield* Deferred.await(stopped)
          if (how === "interrupted from outside") yield* Fiber.interrupt(fiber)
          if (how === "ended by the close of its lib") yield* session.close
          assert.isTrue(Exit.isFailure(yield* Fiber.await(fiber)))
          if (how !== "ended by the close of its lib") {
            assert.strictEqual(yield* tagOf(existingTape(session.lib, "a")), "TapeInvalid")
            yield* appendTo(session.lib, "b", [{ stop }])
          }
          yield* session.close
        }
        yield* open((lib) =>
          Effect.gen(function* () {
            yield* checkRecovery(lib, allTwelve, numbered(0, 12))
            assert.lengthOf(yield* recordsOf(lib, "b"), how === "ended by the close of its lib" ? 0 : 3)
            assert.isTrue((yield* lib.verify()).ok)
          })
        )
      })
    )
  }
}

const refusalsContract = (kind: TransformKind): void => {
  it.live("is refused if there is nothing to recover, and for readers", () =>
    Effect.gen(function* () {
      const { open } = yield* damagedLib(kind, {
        write: (lib) =>
          Effect.gen(function* () {
            yield* fill(lib, "a", 1, 1)
            assert.strictEqual(yield* tagOf(lib.recoverTape("a")), "NotDamaged")
            assert.strictEqual(yield* tagOf(lib.recoverTape("b")), "TapeNotFound")
          })
      })
      assert.strictEqual(yield* open((lib) => tagOf(lib.recoverTape("a")), { mode: "read" }), "ReadOnly")
    })
  )

  it.live("refuses to choose between two files of one number, and names both", () =>
    Effect.gen(function* () {
      const { at, change, loseMeta, open, storage } = yield* damagedLib(kind, {
        write: (lib) =>
          Effect.flatMap(fill(lib, "a", 3, 3), (tape) => tape.repack({ compression: "gzip", targetBytes: 150 }))
      })
      const files = yield* filesOf(storage, at, "a")
      const [name, bytes] = [...files][1]!
      const twin = name.replace(".gz", "")
      yield* putFiles(storage, at, "a", [[twin, Buffer.from('{"other":1}\n')]])
      yield* loseMeta(at, "a")
      yield* open((lib) =>
        Effect.gen(function* () {
          const error = yield* Effect.flip(lib.recoverTape("a"))
          assert(error._tag === "RecoverAmbiguous")
          assert.sameMembers([...error.files], [name, twin])
          assert.strictEqual(yield* tagOf(existingTape(lib, "a")), "TapeInvalid")
        })
      )
      assert.deepStrictEqual((yield* filesOf(storage, at, "a")).get(name), bytes)
      yield* change((root) => root.segments.remove("a", twin))
      yield* open((lib) => checkRecovery(lib, {}, numbered(0, 9)))
    })
  )

  itQuietly("is needed by a tape whose meta was replaced by an older one, and no file is removed before", () =>
    Effect.gen(function* () {
      const found = yield* damagedLib(kind, { write: (lib) => fill(lib, "a", 2, 3) })
      const { at, change, open, storage } = found
      const older = yield* change((root) => Effect.map(root.meta.read("a"), (meta) => meta!.bytes))
      yield* open((lib) => appendTo(lib, "a", numbered(6, 9)))
      const copied = kind.place()
      yield* crashed(found, at, copied, (lib) => appendTo(lib, "a", numbered(9, 12)))
      yield* tamper(storage, copied, (root) => rewriteMeta(root, "a", () => older))
      for (const attempt of ["look", "recover"] as const) {
        yield* withLib(storage, copied, (lib) =>
          Effect.gen(function* () {
            assert.strictEqual(yield* tagOf(existingTape(lib, "a")), "TapeInvalid")
            if (attempt === "recover") yield* checkRecovery(lib, { records: 12, lost: [], gaps: [] }, numbered(0, 12))
          })
        )
      }
    })
  )
}

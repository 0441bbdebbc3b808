/** Whether a lib may be new: the option `create`. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type * as Lib from "litetapes/Lib"
import { type Kind, type StorageService, withLib } from "../../support/openLib.ts"
import { refusal, watched } from "../../support/watchedStorage.ts"

const creates = [undefined, "if-absent", "never", "must"] as const

/** What opening does: whether it created the lib, or the tag of its error. */
const outcome = (base: StorageService, location: string, options: Lib.Options) =>
  withLib(base, location, (lib) => Effect.succeed(lib.report.created ? "created" : "opened"), options).pipe(
    Effect.catch((error) => Effect.succeed(error._tag as string))
  )

/** What opening must do, by whether there is a lib. */
const expectedOf = (isThere: boolean, create: (typeof creates)[number]): string => {
  if (isThere) return create === "must" ? "LibExists" : "opened"
  return create === "never" ? "LibNotFound" : "created"
}

const optionsOf = (create: (typeof creates)[number]): Lib.Options => (create === undefined ? {} : { create })

export const creationContract = ({ place, storage }: Kind): void => {
  describe("a lib that may or must be new", () => {
    it.live("is created or opened as `create` says, and a refusal leaves nothing and frees the lock", () =>
      Effect.gen(function* () {
        const base = yield* storage
        for (const create of creates) {
          const location = place()
          assert.strictEqual(yield* outcome(base, location, optionsOf(create)), expectedOf(false, create))
          // Whatever was refused, the place is as it was.
          const isThere = create !== "never"
          const again = yield* outcome(base, location, { create: "if-absent" })
          assert.strictEqual(again, isThere ? "opened" : "created")
          for (const next of creates) {
            assert.strictEqual(yield* outcome(base, location, optionsOf(next)), expectedOf(true, next))
          }
        }
      })
    )

    it.live("is not looked for by a reader with `must`, and opened by one with the others", () =>
      Effect.gen(function* () {
        const base = yield* storage
        const location = place()
        for (const [create, before, after] of [
          ["if-absent", "LibInvalid", "opened"],
          ["never", "LibInvalid", "opened"],
          ["must", "InvalidArgument", "InvalidArgument"]
        ] as const) {
          assert.strictEqual(yield* outcome(base, place(), { create, mode: "read" }), before)
          yield* outcome(base, location, {})
          assert.strictEqual(yield* outcome(base, location, { create, mode: "read" }), after)
        }
      })
    )

    it.live("is new until its meta is in place, wherever making it was interrupted", () =>
      Effect.gen(function* () {
        for (const create of creates) {
          for (const when of ["before", "after"] as const) {
            for (let step = 0, isDone = false; !isDone; step++) {
              const watch = watched(yield* storage)
              const location = place()
              let calls = 0
              let isThere = false
              watch.before = () => {
                calls += 1
                return when === "before" && calls === step + 1 ? Effect.fail(refusal("step")) : Effect.void
              }
              watch.after = (operation) => {
                isThere ||= operation === "meta.replace"
                return when === "after" && calls === step + 1 ? Effect.fail(refusal("step")) : Effect.void
              }
              const made = yield* outcome(watch.storage, location, { create: "must" })
              isDone = calls <= step
              if (isDone) assert.strictEqual(made, "created")
              watch.before = () => Effect.void
              watch.after = () => Effect.void
              const found = yield* outcome(watch.storage, location, optionsOf(create))
              assert.strictEqual(found, expectedOf(isThere, create), `${create} ${when} step ${step}`)
              if (isDone) assert.isAbove(step, 2)
            }
          }
        }
      })
    )

    it.live("is opened again by `reopen`, whatever `create` was", () =>
      Effect.gen(function* () {
        for (const create of ["if-absent", "must"] as const) {
          const watch = watched(yield* storage)
          const location = place()
          yield* withLib(
            watch.storage,
            location,
            (lib) =>
              Effect.gen(function* () {
                watch.before = (operation) => (operation === "append" ? Effect.fail(refusal("append")) : Effect.void)
                yield* lib.createTape("notes")
                yield* Effect.flip(lib.commit([{ tape: "notes", records: [{ n: 1 }] }]))
                watch.before = () => Effect.void
                yield* lib.reopen
                yield* lib.commit([{ tape: "notes", records: [{ n: 1 }] }])
              }),
            { create }
          )
        }
      })
    )
  })
}

/**
 * A dynamic segment that cannot be closed: the log says so once, the lib reports it, and it is closed once the cause is
 * gone.
 */
import { it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import * as MemoryStorage from "litetapes/MemoryStorage"
import { type Storage, StorageError } from "litetapes/Storage"
import { assert, describe } from "vitest"
import { hiding } from "../support/hidingStorage.ts"
import { type LibService, settle, tapeOf, withLib } from "../support/openLib.ts"

const options = { closeBytes: 400, backlogMax: 1, closeAfter: "1 hour" } as const
const text = "x".repeat(300)

/** Appends enough to a tape to begin the next dynamic segment, and lets the writer close what it can. */
const roll = (lib: LibService, tape: string) =>
  Effect.gen(function* () {
    const opened = yield* tapeOf(lib, tape)
    for (let n = 0; n < 3; n++) yield* opened.append([{ n, text }])
    yield* settle
  })

/** Runs `use` with a lib whose tape "a" lost its meta while its records are in no segment yet. */
const withStuckLib = <E>(
  use: (lib: LibService, mend: Effect.Effect<void>) => Effect.Effect<void, E>
): Effect.Effect<ReadonlyArray<string>, unknown> => {
  const lines: Array<string> = []
  const logger = Logger.make(({ message }) => lines.push(String(message)))
  return Effect.gen(function* () {
    const hidden = hiding(yield* MemoryStorage.make)
    yield* withLib(
      hidden.storage,
      "place",
      (lib) =>
        Effect.gen(function* () {
          yield* (yield* tapeOf(lib, "a")).append([{ n: 0 }])
          assert.deepStrictEqual(yield* lib.stuck, [])
          hidden.hide("place", "a")
          yield* use(
            lib,
            Effect.sync(() => hidden.show("place", "a"))
          )
        }),
      options
    )
    return lines
  }).pipe(Effect.provide(Logger.layer([logger])))
}

/** A storage whose segments cannot be written any more once `fail` is called. */
const failingSegments = (base: Storage["Service"]) => {
  let failing = false
  const error = new StorageError({ operation: "segments.write", place: "here", reason: "failed", detail: "EIO" })
  const storage: Storage["Service"] = {
    open: (place, mode) =>
      Effect.map(base.open(place, mode), (root) => ({
        ...root,
        segments: {
          ...root.segments,
          write: (tape, segment, fill) =>
            Effect.suspend(() => (failing ? Effect.fail(error) : root.segments.write(tape, segment, fill)))
        }
      }))
  }
  return {
    storage,
    fail: () => {
      failing = true
    }
  }
}

const stays = (lines: ReadonlyArray<string>) => lines.filter((line) => line.includes("cannot be closed and stay"))

describe("a dynamic segment that cannot be closed", () => {
  it.effect("is logged once, however often the writer retries", () =>
    Effect.gen(function* () {
      const lines = yield* withStuckLib((lib) => Effect.forEach([1, 2, 3, 4], () => roll(lib, "b"), { discard: true }))
      assert.strictEqual(stays(lines).length, 1)
      assert.include(stays(lines)[0], 'tape "a" is invalid')
    })
  )

  it.effect("is reported by the lib, with the reason", () =>
    withStuckLib((lib) =>
      Effect.gen(function* () {
        yield* roll(lib, "b")
        const [stuck, ...others] = yield* lib.stuck
        assert.deepStrictEqual(others, [])
        assert.isDefined(stuck)
        assert.strictEqual(stuck.file, "litelib.dynamic-000001.jsonl")
        assert.include(stuck.why, 'tape "a" is invalid')
        assert.deepStrictEqual((yield* lib.verify()).stuck, [stuck])
      })
    )
  )

  it.effect("is not one whose flush failed on the disk: that stopped the writer", () =>
    Effect.gen(function* () {
      const { fail, storage } = failingSegments(yield* MemoryStorage.make)
      yield* withLib(
        storage,
        "place",
        (lib) =>
          Effect.gen(function* () {
            const tape = yield* tapeOf(lib, "a")
            fail()
            const error = yield* Effect.flip(
              Effect.forever(Effect.andThen(tape.append([{ text }]), settle)) as Effect.Effect<never, { _tag: string }>
            )
            assert.strictEqual(error._tag, "WriterPoisoned")
            assert.deepStrictEqual(yield* lib.stuck, [])
          }),
        options
      )
    }).pipe(Effect.provide(Logger.layer([])))
  )

  it.effect("is closed at the next roll once its tape has its meta again", () =>
    Effect.gen(function* () {
      const lines = yield* withStuckLib((lib, mend) =>
        Effect.gen(function* () {
          yield* roll(lib, "b")
          assert.strictEqual((yield* lib.stuck).length, 1)
          yield* mend
          yield* roll(lib, "b")
          assert.deepStrictEqual(yield* lib.stuck, [])
          assert.strictEqual((yield* (yield* tapeOf(lib, "a")).segments).length, 1)
        })
      )
      assert.strictEqual(stays(lines).length, 1)
    })
  )
})

/**
 * If storage fails, pending appends have an unknown outcome, the writer stops for good, and nothing acknowledged is
 * lost.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type { TaraSON } from "litetapes"
import {
  existingTape,
  type Kind,
  type LibService,
  openSession,
  recordsOf,
  tagOf,
  tagsOf,
  tapeOf,
  withLib
} from "../../support/openLib.ts"
import { at, type Operation, refusal, watched, type Watched } from "../../support/watchedStorage.ts"

const acknowledged = [{ n: 0 }, { n: 1 }]
const pending = { n: 2 }
const options = { closeBytes: 4096 }

interface Failure {
  readonly name: string
  readonly arm: (watch: Watched) => void
  /** The operation that meets the failure, and the tags of its possible errors. */
  readonly use: (lib: LibService) => Effect.Effect<unknown, { readonly _tag: string }>
  readonly tags: ReadonlyArray<string>
  /** Whether the pending record exists afterwards; `undefined` if both are possible. */
  readonly there: boolean | undefined
}

const fails = (operation: Operation) =>
  at(
    operation,
    Effect.suspend(() => Effect.fail(refusal(operation)))
  )

const append = (lib: LibService) => lib.commit([{ tape: "a", records: [pending] }])
const flush = (lib: LibService) => Effect.flatMap(existingTape(lib, "a"), (tape) => tape.appendSegment)

/** Appends until the dynamic segment is full and the next one is needed, and fails with the first failure. */
const fill = (lib: LibService): Effect.Effect<unknown, { readonly _tag: string }> =>
  Effect.forever(lib.commit([{ tape: "b", records: [{ text: "x".repeat(900) }] }]))

const failures: ReadonlyArray<Failure> = [
  {
    name: "a batch cannot be written",
    arm: (watch) => (watch.before = fails("append")),
    use: append,
    tags: ["CommitOutcomeUnknown"],
    there: false
  },
  {
    name: "a batch is written, and its sync fails",
    arm: (watch) => (watch.after = fails("append")),
    use: append,
    tags: ["CommitOutcomeUnknown"],
    there: true
  },
  {
    name: "a batch is written in part",
    arm: (watch) => (watch.tear = 25),
    use: append,
    tags: ["CommitOutcomeUnknown"],
    there: false
  },
  {
    name: "the hint cannot be written",
    arm: (watch) => (watch.before = fails("hint.write")),
    use: append,
    tags: ["CommitOutcomeUnknown"],
    there: true
  },
  ...(["segments.write", "meta.replace"] as const).flatMap((operation): Array<Failure> => [
    {
      name: `${operation} fails in a flush`,
      arm: (watch) => (watch.before = fails(operation)),
      use: flush,
      tags: ["WriterPoisoned"],
      there: false
    },
    {
      name: `${operation} is done in a flush, and then fails`,
      arm: (watch) => (watch.after = fails(operation)),
      use: flush,
      tags: ["WriterPoisoned"],
      there: false
    }
  ]),
  ...(["journal.create", "meta.append"] as const).flatMap((operation): Array<Failure> => [
    {
      name: `${operation} fails when the next dynamic segment is needed`,
      arm: (watch) => (watch.before = fails(operation)),
      use: fill,
      tags: ["WriterPoisoned", "CommitOutcomeUnknown"],
      there: false
    },
    {
      name: `${operation} is done for the next dynamic segment, and then fails`,
      arm: (watch) => (watch.after = fails(operation)),
      use: fill,
      tags: ["WriterPoisoned", "CommitOutcomeUnknown"],
      there: false
    }
  ])
]

const writes = (lib: LibService) =>
  Effect.map(existingTape(lib, "a"), (tape) => [
    append(lib),
    tape.append([]),
    lib.createTape("new"),
    lib.archive("a"),
    tape.appendSegment,
    tape.setUserMeta("key", 1)
  ])

/** Prepares a lib with tapes `a` and `b`, and acknowledged records on `a`. */
const prepare = Effect.fnUntraced(function* (lib: LibService) {
  yield* lib.createTape("b")
  const tape = yield* tapeOf(lib, "a")
  for (const record of acknowledged) yield* tape.append([record])
})

/** Reopens what a stopped writer left: every acknowledged record is there, and appends continue. */
const checkReopened = Effect.fnUntraced(function* (
  { storage, place }: { readonly storage: Watched["storage"]; readonly place: string },
  there: boolean | undefined
) {
  let first: ReadonlyArray<TaraSON.JsonObject> = []
  yield* withLib(storage, place, (lib) =>
    Effect.gen(function* () {
      assert.isTrue(lib.report.recovered)
      first = yield* recordsOf(lib, "a")
      const both = [...acknowledged, pending]
      if (there === undefined) assert.deepStrictEqual(first, both.slice(0, first.length))
      else assert.deepStrictEqual(first, there ? both : acknowledged)
      assert.isAtLeast(first.length, 2)
      const tape = yield* existingTape(lib, "a")
      assert.strictEqual((yield* tape.append([{ n: 9 }])).firstOrdinal, first.length)
    })
  )
  yield* withLib(storage, place, (lib) =>
    Effect.gen(function* () {
      assert.isFalse(lib.report.recovered)
      assert.deepStrictEqual(yield* recordsOf(lib, "a"), [...first, { n: 9 }])
      const tape = yield* existingTape(lib, "a")
      for (const { number } of yield* tape.segments) yield* tape.verifySegment(number)
    })
  )
})

export const poisonContract = ({ storage, place }: Kind): void => {
  describe("a writer stops for good if", () => {
    for (const { name, arm, use, tags, there } of failures) {
      it.live(name, () =>
        Effect.gen(function* () {
          const base = yield* storage
          const location = place()
          const watch = watched(base)
          const { lib, close } = yield* openSession(watch.storage, location, options)
          yield* prepare(lib)
          arm(watch)
          assert.include(tags, yield* tagOf(use(lib)))
          // The disk works again; the writer does not.
          watch.before = () => Effect.void
          watch.after = () => Effect.void
          assert.deepStrictEqual(new Set(yield* tagsOf(yield* writes(lib))), new Set(["WriterPoisoned"]))
          assert.deepStrictEqual(yield* recordsOf(lib, "a"), acknowledged)
          assert.deepStrictEqual(yield* recordsOf(lib, "a", { reverse: true }), acknowledged.toReversed())
          yield* close
          yield* checkReopened({ storage: base, place: location }, there)
        })
      )
    }

    it.live("a batch fails, and queued appends then fail with an error that says that they were not written", () =>
      Effect.gen(function* () {
        const base = yield* storage
        const location = place()
        const watch = watched(base)
        const { lib, close } = yield* openSession(watch.storage, location)
        yield* prepare(lib)
        const [begun, goOn] = [yield* Deferred.make<void>(), yield* Deferred.make<void>()]
        const slow = Effect.andThen(Deferred.succeed(begun, undefined), Deferred.await(goOn))
        watch.before = at("append", Effect.andThen(slow, Effect.fail(refusal("append"))))
        const sealed = yield* Effect.forkChild(tagOf(append(lib)))
        yield* Deferred.await(begun)
        const queued = yield* Effect.forkChild(
          Effect.forEach([1, 2, 3], () => tagOf(append(lib)), { concurrency: "unbounded" }),
          { startImmediately: true }
        )
        yield* Deferred.succeed(goOn, undefined)
        assert.strictEqual(yield* Fiber.join(sealed), "CommitOutcomeUnknown")
        assert.deepStrictEqual(yield* Fiber.join(queued), ["WriterPoisoned", "WriterPoisoned", "WriterPoisoned"])
        assert.strictEqual(watch.counts.get("append"), 3)
        yield* close
        yield* checkReopened({ storage: base, place: location }, false)
      })
    )

    it.live("its last segments cannot be written; the scope still closes, and nothing is lost", () =>
      Effect.gen(function* () {
        const base = yield* storage
        const location = place()
        for (const mode of ["scope", "close"] as const) {
          const at = `${location}-${mode}`
          const watch = watched(base)
          const { lib, close } = yield* openSession(watch.storage, at)
          yield* prepare(lib)
          watch.before = fails("segments.write")
          if (mode === "close") assert.strictEqual(yield* tagOf(lib.close), "WriterPoisoned")
          yield* close
          yield* checkReopened({ storage: base, place: at }, false)
        }
      })
    )
  })

  describe("a writer continues if", () => {
    it.live("an index cannot be written; the index is kept in memory and rebuilt later", () =>
      Effect.gen(function* () {
        const base = yield* storage
        const location = place()
        const watch = watched(base)
        watch.before = fails("derived.put")
        yield* withLib(watch.storage, location, (lib) =>
          Effect.gen(function* () {
            yield* prepare(lib)
            yield* flush(lib)
            assert.deepStrictEqual(yield* recordsOf(lib, "a"), acknowledged)
            yield* append(lib)
            assert.deepStrictEqual(yield* recordsOf(lib, "a"), [...acknowledged, pending])
          })
        )
        assert.isAtLeast(watch.counts.get("derived.put")!, 1)
        yield* withLib(base, location, (lib) =>
          Effect.gen(function* () {
            assert.isFalse(lib.report.recovered)
            assert.deepStrictEqual(yield* recordsOf(lib, "a"), [...acknowledged, pending])
          })
        )
      })
    )
  })
}

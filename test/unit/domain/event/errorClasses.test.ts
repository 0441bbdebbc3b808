import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import type * as Category from "litetapes/Category"
import type * as Consumer from "litetapes/Consumer"
import * as Errors from "litetapes/Errors"
import * as EventErrors from "litetapes/EventErrors"
import * as EventStore from "litetapes/EventStore"
import * as MemoryStorage from "litetapes/MemoryStorage"
import * as PromiseStore from "litetapes/PromiseStore"
import { errorClasses } from "../../../../src/domain/event/errorClasses.ts"

/** Errors of the members of a service. */
type ErrorsOf<Service> = {
  [Name in keyof Service]: Service[Name] extends Effect.Effect<unknown, infer E>
    ? E
    : Service[Name] extends (...given: never) => Effect.Effect<unknown, infer E>
      ? E
      : never
}[keyof Service]

/** Errors of every way to append or read events. */
type EventError =
  | EventStore.EventAppendError
  | EventStore.StreamReadError
  | EventStore.AllReadError
  | EventStore.RevisionError
  | EventStore.SubscribeError
  | EventStore.SubscribeToStreamError
  | Consumer.ConsumerError
  | Consumer.OpenConsumerError
  | ErrorsOf<Consumer.Running>
  | Effect.Error<ReturnType<Category.Category<Category.Schemas>["append"]>>
  | Stream.Error<ReturnType<Category.Category<Category.Schemas>["read"]>>
  | Stream.Error<ReturnType<Category.Category<Category.Schemas>["readAll"]>>

type Same<A, B> = [A] extends [B] ? ([B] extends [A] ? true : false) : false

/** `ReaderBusy` is the error of `lib.refresh` that a reader meets between two reads. */
const everyErrorHasAClass: Same<EventError["_tag"] | "ReaderBusy", EventErrors.ErrorTag> = true

const guards = {
  conflict: EventErrors.isConflict<unknown>,
  retryable: EventErrors.isRetryable<unknown>,
  fatal: EventErrors.isFatal<unknown>
}
const named = { conflict: () => "conflict", retryable: () => "retryable", fatal: () => "fatal" } as const

/** Returns an error with this tag, whatever its fields are. */
const tagged = (tag: string) => Object.assign(new Error(tag), { _tag: tag })

const withStore = <A, E>(body: Effect.Effect<A, E, EventStore.EventStore>) =>
  Effect.provide(body, Layer.provide(EventStore.layer("place"), MemoryStorage.layer))

const conflicting = Effect.flatMap(EventStore.EventStore, (store) =>
  store.append("order-1", [{ type: "Placed" }], { expected: 7 })
)

describe("the classes of errors", () => {
  it("contain every error of an append or a read, in exactly one class", () => {
    assert.isTrue(everyErrorHasAClass)
    for (const [tag, expected] of Object.entries(errorClasses)) {
      const error = tagged(tag)
      const classes = Object.entries(guards).filter(([, is]) => is(error))
      assert.deepStrictEqual(
        classes.map(([name]) => name),
        [expected],
        tag
      )
      assert.strictEqual(EventErrors.match(error as unknown, named), expected, tag)
    }
  })

  it("count everything else as fatal", () => {
    const others = [new TypeError("x"), tagged("NoSuchError"), tagged("constructor"), undefined, null, "text", {}]
    // Only an error counts: the value of a caller may have the same tag.
    for (const other of [...others, { _tag: "ReaderBusy" }]) {
      assert.deepStrictEqual(
        Object.values(guards).map((is) => is(other)),
        [false, false, true]
      )
      assert.strictEqual(EventErrors.match(other, named), "fatal")
    }
  })

  it.effect("narrow the errors of an effect", () =>
    withStore(
      Effect.gen(function* () {
        const expected = yield* Effect.catchIf(conflicting, EventErrors.isConflict, (error) =>
          Effect.succeed(error._tag === "WrongExpectedRevision" ? error.expected : error.index)
        )
        assert.strictEqual(expected, 7)
        const rest = Effect.catchIf(conflicting, EventErrors.isConflict, () => Effect.void)
        type Rest = Effect.Error<typeof rest>
        const isGone: Same<Extract<Rest, { readonly _tag: "WrongExpectedRevision" }>, never> = true
        assert.isTrue(isGone)
        const tags = (error: EventStore.EventAppendError) =>
          EventErrors.match(error, {
            conflict: (one) => one._tag satisfies "ConditionFailed" | "WrongExpectedRevision",
            retryable: (one) =>
              one._tag satisfies
                | "CommitOutcomeUnknown"
                | "WriterPoisoned"
                | "LibClosed"
                | "StorageError"
                | "TapeExists"
                | "WriterUnreachable",
            fatal: (one) => (one._tag === "EventIdConflict" ? one.id : one._tag)
          })
        assert.strictEqual(tags(yield* Effect.flip(conflicting)), "WrongExpectedRevision")
        // A read has no conflict.
        const reading = Effect.flip(
          Stream.runDrain(Stream.unwrap(Effect.map(EventStore.EventStore, (store) => store.read("\n"))))
        )
        const read = EventErrors.match(yield* reading, {
          conflict: (one) => one satisfies never,
          retryable: ({ _tag }) => _tag,
          fatal: ({ _tag }) => _tag
        })
        assert.strictEqual(read, "InvalidStreamName")
      })
    )
  )

  it.effect("decide what is tried again", () =>
    withStore(
      Effect.gen(function* () {
        let tries = 0
        const counted = Effect.suspend(() => {
          tries++
          return conflicting
        })
        const error = yield* Effect.flip(Effect.retry(counted, { while: EventErrors.isConflict, times: 3 }))
        assert.strictEqual(error._tag, "WrongExpectedRevision")
        assert.strictEqual(tries, 4)
        yield* Effect.flip(Effect.retry(counted, { while: EventErrors.isRetryable, times: 3 }))
        assert.strictEqual(tries, 5)
      })
    )
  )

  it("match what a promise store throws", async () => {
    const store = await PromiseStore.open("place", { storage: MemoryStorage.layer })
    const outcome = async (append: () => Promise<unknown>) => {
      try {
        return await append()
      } catch (error) {
        return EventErrors.match(error, {
          conflict: (one) => (one._tag === "ConditionFailed" ? one.index : { actual: one.actual, stream: one.stream }),
          retryable: ({ _tag }) => _tag,
          fatal: (one) => (one instanceof Errors.BatchTooLarge ? "split it" : String(one))
        })
      }
    }
    assert.deepStrictEqual(await outcome(() => store.append("a-1", [], { expected: 3 })), {
      actual: "no-stream",
      stream: "a-1"
    })
    assert.match(String(await outcome(() => store.append("a-1", [{ type: "" }]))), /InvalidEvent/)
    await store.close()
    assert.strictEqual(await outcome(() => store.append("a-1", [])), "LibClosed")
  })
})

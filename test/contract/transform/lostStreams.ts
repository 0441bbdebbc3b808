/**
 * Appends on a tape that lost events: which expectations hold, which are refused and how, and which revision comes
 * next. One case for each state of a stream, each expectation, streams known by an index or not, accepted or not.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type * as EventStore from "litetapes/EventStore"
import { damagedLib, type DamagedLib, segmentFile } from "../../support/damagedLib.ts"
import { flush, type LibService, storeOf } from "../../support/openLib.ts"
import { Given, type StoredEvent } from "../../support/salvaged.ts"
import type { TransformKind } from "../../support/transformGround.ts"
import * as IndexFiles from "../../../src/services/segment/IndexFiles.ts"

/** Streams, with the number of events in each of three segments. The second segment is lost, with 6 events. */
const streams: Readonly<Record<string, readonly [before: number, lost: number, after: number]>> = {
  "a-before, lost": [2, 2, 0],
  "a-before, kept": [2, 0, 0],
  "a-after, lost": [2, 2, 1],
  "a-after, kept": [2, 0, 2],
  "a-none, lost": [0, 2, 0],
  "a-none, never there": [0, 0, 0]
}

/** What must hold for a stream. */
interface End {
  /** The revision that expectations are compared with; −1 without an event. */
  readonly at: number
  /** The revision of the next event. */
  readonly next: number
  /** Whether expectations that depend on lost events are refused. */
  readonly isInDoubt: boolean
}

type Ends = Readonly<Record<string, End>>

const end = (at: number, next = at + 1, isInDoubt = false): End => ({ at, next, isInDoubt })

const cases: ReadonlyArray<{ readonly isKnown: boolean; readonly isAccepted: boolean; readonly ends: Ends }> = [
  {
    isKnown: true,
    isAccepted: false,
    ends: {
      "a-before, lost": end(3),
      "a-before, kept": end(1),
      "a-after, lost": end(4),
      "a-after, kept": end(3),
      "a-none, lost": end(1),
      "a-none, never there": end(-1)
    }
  },
  {
    isKnown: true,
    isAccepted: true,
    ends: {
      "a-before, lost": end(1, 4),
      "a-before, kept": end(1),
      "a-after, lost": end(4),
      "a-after, kept": end(3),
      "a-none, lost": end(-1, 2),
      "a-none, never there": end(-1)
    }
  },
  // Each stream without an event after the loss may have lost all 6 events.
  ...[false, true].map((isAccepted) => ({
    isKnown: false,
    isAccepted,
    ends: {
      "a-before, lost": end(1, 8, !isAccepted),
      "a-before, kept": end(1, 8, !isAccepted),
      "a-after, lost": end(4),
      "a-after, kept": end(3),
      "a-none, lost": end(-1, 6, !isAccepted),
      "a-none, never there": end(-1, 6, !isAccepted)
    }
  }))
]

const expectations = ["any", "no-stream", "stream-exists", "revision"] as const

/** Whether the expectation holds, whatever was lost; or the tag of its refusal. */
const verdictOf = ({ at, isInDoubt }: End, expected: EventStore.ExpectedRevision) => {
  if (expected === "any") return "appended"
  if (expected === "stream-exists" && at >= 0) return "appended"
  if (isInDoubt) return "EventsLost"
  const holds = expected === "no-stream" ? at === -1 : expected === at
  return holds ? "appended" : "WrongExpectedRevision"
}

export const lostStreamsContract = (kind: TransformKind): void => {
  describe("a loss", () => {
    for (const { ends, isAccepted, isKnown } of cases) {
      const name = `is ${isAccepted ? "accepted" : "not accepted"}, its streams are ${isKnown ? "known" : "not known"}`
      it.live(`decides what each stream refuses and which revision is next: it ${name}`, () =>
        Effect.gen(function* () {
          const damaged = yield* salvaged(kind, isKnown, isAccepted)
          for (const expectation of expectations) {
            // Each expectation on a lib of its own, since an append ends the doubt about its stream.
            const { open, written } = yield* damaged.copied
            yield* open((lib) =>
              Effect.gen(function* () {
                const given = new Given()
                for (const event of written) given.add(event)
                for (const [stream, one] of Object.entries(ends)) yield* check(lib, stream, one, expectation, given)
              })
            )
          }
        })
      )
    }
  })
}

/** Writes three segments, loses the second one, and salvages the tape. */
const salvaged = (kind: TransformKind, isKnown: boolean, acceptLoss: boolean) =>
  Effect.gen(function* () {
    const damaged = yield* damagedLib(kind, {
      write: (lib) =>
        Effect.gen(function* () {
          const store = yield* storeOf(lib)
          for (const segment of [0, 1, 2]) {
            for (const [stream, counts] of Object.entries(streams)) {
              const count = counts[segment]!
              if (count > 0) yield* store.append(stream, eventsOf(count))
            }
            yield* flush(lib, "a")
          }
          return yield* Stream.runCollect(store.readAll())
        }),
      damage: (root) =>
        Effect.andThen(
          root.segments.remove("a", segmentFile(2)),
          isKnown ? Effect.void : IndexFiles.remove(root.derived, "a", segmentFile(2))
        )
    })
    const { lost } = yield* damaged.open((lib) => lib.salvageTape("a", { acceptLoss }))
    assert.lengthOf(lost, 1)
    assert.deepInclude(lost[0], { records: 6, positions: [8, 14] })
    assert.strictEqual(lost[0]!.streams !== null, isKnown)
    return damaged as DamagedLib<ReadonlyArray<StoredEvent>, unknown>
  })

const eventsOf = (count: number) => Array.from({ length: count }, () => ({ type: "Happened" }))

const check = Effect.fnUntraced(function* (
  lib: LibService,
  stream: string,
  one: End,
  expectation: (typeof expectations)[number],
  given: Given
) {
  const store = yield* storeOf(lib)
  const append = (expected: EventStore.ExpectedRevision, count = 2) =>
    Effect.result(store.append(stream, eventsOf(count), { expected }))
  const { at, isInDoubt, next } = one
  const what = `${stream}, ${expectation}`
  const revision = yield* Effect.result(store.revision(stream))
  if (isInDoubt) assert.strictEqual(revision._tag === "Failure" ? revision.failure._tag : "", "EventsLost", what)
  else assert.strictEqual(revision._tag === "Success" ? revision.success : "", at === -1 ? "no-stream" : at, what)
  // Every other number is refused, before and after any of them was tried.
  for (let number = 0; number <= next + 1; number++) {
    if (number === at && !isInDoubt) continue
    const refused = yield* append(number)
    if (refused._tag === "Success") return assert.fail(`${what}: revision ${number} is accepted`)
    assert.strictEqual(refused.failure._tag, verdictOf(one, number), what)
    if (isInDoubt) assert.include(refused.failure.message, "acceptLoss")
  }
  const expected = expectation === "revision" ? Math.max(0, at) : expectation
  const verdict = verdictOf(one, expected)
  // An append without events tells what comes next, and ends no doubt.
  const asked = yield* append(expected, 0)
  assert.strictEqual(asked._tag === "Failure" ? asked.failure._tag : "appended", verdict, what)
  if (asked._tag === "Success") assert.deepInclude(asked.success, { firstRevision: next, lastRevision: at }, what)
  const appended = yield* append(expected)
  if (appended._tag === "Failure") {
    assert.strictEqual(appended.failure._tag, verdict, what)
    if (isInDoubt) assert.include(appended.failure.message, "acceptLoss")
    return
  }
  assert.strictEqual("appended", verdict, what)
  const { firstPosition, firstRevision, lastRevision } = appended.success
  assert.deepStrictEqual([firstRevision, lastRevision], [next, next + 1], what)
  for (const n of [0, 1]) given.add({ stream, revision: firstRevision + n, position: firstPosition + n })
  // From here on the end of the stream is certain.
  assert.strictEqual(yield* store.revision(stream), lastRevision, what)
  const following = yield* store.append(stream, eventsOf(1), { expected: lastRevision })
  given.add({ stream, revision: following.firstRevision, position: following.firstPosition })
  assert.strictEqual(following.firstRevision, next + 2, what)
})

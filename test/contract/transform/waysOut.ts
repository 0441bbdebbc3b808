/**
 * Every state in which a damaged lib or tape does not open or read: the error names the next step, that step works, and
 * afterwards everything that was not damaged is there, appends continue, and nothing is given twice.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { Root, StorageError } from "litetapes/Storage"
import { readLibMeta } from "../../../src/services/lib/readLibMeta.ts"
import { flipped, withoutRoom } from "../../support/copyLib.ts"
import { type DamagedLib, damagedLib, damageMeta, segmentFile } from "../../support/damagedLib.ts"
import { checkedTag } from "../../support/messages.ts"
import { type LibService, recordsOf, storeOf, tapeOf } from "../../support/openLib.ts"
import { Given } from "../../support/salvaged.ts"
import { rewrite, rewriteMeta, type TransformKind } from "../../support/transformGround.ts"

type Step = "Lib.recover" | "recoverTape" | "salvageTape"

interface State {
  readonly damage: (root: Root) => Effect.Effect<unknown, StorageError>
  /** Tags of the error, one of which is seen: what a file lacks depends on what the writer was about to do. */
  readonly errors: ReadonlyArray<string>
  readonly step: Step
  /** Number of the events `a-*`, of 12, and of the notes, of 6, that are left at least. */
  readonly left: readonly [events: number, notes: number]
  /** Whether a loss is listed, so that reads fail until it is accepted; `undefined` if it depends on the writer, which
   * closes the older file in the background. */
  readonly isLost: boolean | undefined
}

/** Returns the dynamic segments that have batches, with their content. The writer may have prepared another one. */
const filled = Effect.fnUntraced(function* (root: Root) {
  const all: Array<{ readonly n: number; readonly bytes: Uint8Array }> = []
  for (const n of yield* root.journal.list) {
    const bytes = withoutRoom(yield* root.journal.read(n, 0, (yield* root.journal.size(n))!))
    if (bytes.indexOf(0x0a) + 1 < bytes.length) all.push({ n, bytes })
  }
  return all
})

/** Returns the oldest dynamic segment that lib meta lists: of the writer before, unless that was closed already. */
const oldestLive = (root: Root) =>
  Effect.map(Effect.orDie(readLibMeta(root, undefined)), (read) => read!.state.live[0]!.dynamic)

const changeLast = (root: Root, change: (bytes: Uint8Array) => Uint8Array) =>
  Effect.gen(function* () {
    const { bytes, n } = (yield* filled(root)).at(-1)!
    yield* Effect.flatMap(root.journal.create(n, change(bytes)), (writer) => writer.close)
  })

const epoch = '{"$type":"LiteLib.Epoch"'

const withoutLastLines = (bytes: Uint8Array, lines: number): Uint8Array => {
  let end = bytes.length
  for (let n = 0; n < lines; n++) end = bytes.lastIndexOf(0x0a, end - 2) + 1
  return bytes.slice(0, end)
}

const states: Readonly<Record<string, State>> = {
  "a flipped bit in the header of a live dynamic segment": {
    damage: (root) => changeLast(root, (bytes) => flipped(bytes, 12)),
    errors: ["DynamicCorrupt"],
    step: "Lib.recover",
    left: [12, 6],
    isLost: false
  },
  "a flipped newline after the header of a live dynamic segment": {
    damage: (root) => changeLast(root, (bytes) => flipped(bytes, bytes.indexOf(0x0a), 3)),
    errors: ["DynamicCorrupt"],
    step: "Lib.recover",
    left: [11, 5],
    isLost: undefined
  },
  "a live dynamic segment that is missing, the last one": {
    damage: (root) => Effect.flatMap(filled(root), (all) => root.journal.drop(all.at(-1)!.n)),
    errors: ["DynamicCorrupt"],
    step: "Lib.recover",
    left: [4, 2],
    isLost: true
  },
  "a live dynamic segment that is missing, with another after it": {
    damage: (root) => Effect.flatMap(oldestLive(root), (n) => root.journal.drop(n)),
    errors: ["DynamicCorrupt"],
    step: "Lib.recover",
    left: [4, 2],
    isLost: undefined
  },
  "a flipped bit within a dynamic segment": {
    damage: (root) => changeLast(root, (bytes) => flipped(bytes, Buffer.from(bytes).indexOf('"$type":"Two"'))),
    errors: ["DynamicCorrupt"],
    step: "Lib.recover",
    left: [11, 6],
    isLost: true
  },
  "an older copy of a dynamic segment, and a newer hint": {
    damage: (root) => changeLast(root, (bytes) => withoutLastLines(bytes, 4)),
    errors: ["AckedDataLost"],
    step: "Lib.recover",
    left: [9, 4],
    isLost: true
  },
  "a lib meta that lost its last lines, from the epoch on": {
    damage: (root) => rewriteMeta(root, undefined, (bytes) => bytes.slice(0, Buffer.from(bytes).lastIndexOf(epoch))),
    errors: ["MetaInvalid", "MetaCorrupt", "DynamicCorrupt"],
    step: "Lib.recover",
    left: [12, 6],
    isLost: undefined
  },
  "a lib meta that lost all lines but the first": {
    damage: (root) => rewriteMeta(root, undefined, (bytes) => bytes.slice(0, bytes.indexOf(0x0a) + 1)),
    errors: ["MetaCorrupt"],
    step: "Lib.recover",
    left: [12, 6],
    isLost: false
  },
  "a lib meta with a flipped bit": {
    damage: (root) => damageMeta(root, undefined, 30),
    errors: ["MetaCorrupt"],
    step: "Lib.recover",
    left: [12, 6],
    isLost: false
  },
  "a tape meta with a flipped bit": {
    damage: (root) => damageMeta(root, "a", 30),
    errors: ["MetaCorrupt"],
    step: "recoverTape",
    left: [12, 6],
    isLost: false
  },
  "a tape meta of another tape": {
    damage: (root) => Effect.flatMap(root.meta.read("notes"), (other) => rewriteMeta(root, "a", () => other!.bytes)),
    errors: ["IdentityMismatch"],
    step: "recoverTape",
    left: [12, 6],
    isLost: false
  },
  "a segment with a flipped bit": {
    damage: (root) => rewrite(root, "a", segmentFile(1), (bytes) => flipped(bytes, 200)),
    errors: ["SegmentCorrupt"],
    step: "salvageTape",
    left: [8, 6],
    isLost: true
  },
  "a segment that is cut off": {
    damage: (root) => rewrite(root, "a", segmentFile(1), (bytes) => bytes.slice(0, 300)),
    errors: ["SegmentCorrupt"],
    step: "salvageTape",
    left: [8, 6],
    isLost: true
  },
  "a segment that is missing": {
    damage: (root) => root.segments.remove("a", segmentFile(1)),
    errors: ["SegmentMissing"],
    step: "salvageTape",
    left: [8, 6],
    isLost: true
  }
}

/** Appends two events of two streams each time, and a note. */
const write = (lib: LibService, times: number) =>
  Effect.gen(function* () {
    const store = yield* storeOf(lib)
    const notes = yield* tapeOf(lib, "notes")
    for (let n = 0; n < times; n++) {
      yield* store.append("a-1", [{ type: "One", data: { n } }])
      yield* store.append("a-2", [{ type: "Two", data: { n } }])
      yield* notes.append([{ note: n }])
    }
    return { events: yield* Stream.runCollect(store.readAll()), notes: yield* recordsOf(lib, "notes") }
  })

/**
 * A lib with 4 events and 2 notes in segments, and 8 events and 4 notes in two dynamic segments: a writer took over from
 * another one that was killed, and was killed too.
 */
const twiceCrashed = (kind: TransformKind) =>
  Effect.gen(function* () {
    const first = yield* damagedLib(kind, { write: (lib) => write(lib, 2), crash: (lib) => write(lib, 2) })
    return yield* first.crashAgain((lib) => write(lib, 2))
  })

export const waysOutContract = (kind: TransformKind): void => {
  describe("a way out of damage", () => {
    for (const [name, state] of Object.entries(states)) {
      it.live(name, () =>
        Effect.gen(function* () {
          const lib = yield* twiceCrashed(kind)
          const before = lib.left
          yield* lib.change(state.damage)
          const error = yield* Effect.flip(readEverything(lib))
          assert.include(state.errors, checkedTag(error))
          assert.include((error as Error).message, state.step)
          yield* wayOut(lib, state)
          yield* lib.open((open) => checkAfter(open, state, before))
          yield* lib.open((open) => Effect.map(open.verify(), ({ bad }) => assert.deepStrictEqual(bad, [])))
        })
      )
    }
  })
}

const readEverything = ({ open }: DamagedLib<unknown, unknown>) =>
  open((lib) =>
    Effect.flatMap(storeOf(lib), (store) =>
      Effect.andThen(Stream.runDrain(store.readAll()), Stream.runDrain(store.read("a-1")))
    )
  )

const wayOut = ({ open, recover }: DamagedLib<unknown, unknown>, { step }: State) => {
  if (step === "Lib.recover") return recover
  return open((lib): Effect.Effect<unknown, unknown> =>
    step === "recoverTape" ? lib.recoverTape("a") : lib.salvageTape("a")
  )
}

const checkAfter = (lib: LibService, { isLost, left }: State, before: Effect.Success<ReturnType<typeof write>>) =>
  Effect.gen(function* () {
    const store = yield* storeOf(lib)
    const given = new Given()
    for (const event of before.events) given.add(event)
    const events = yield* Stream.runCollect(store.readAll({ allowGaps: true }))
    const byPosition = new Map(before.events.map((event) => [event.position, event]))
    for (const event of events) assert.deepStrictEqual(event, byPosition.get(event.position))
    assert.isAtLeast(events.length, left[0])
    const notes = yield* recordsOf(lib, "notes", { allowGaps: true })
    assert.isAtLeast(notes.length, left[1])
    assert.includeDeepMembers([...before.notes], [...notes])
    const { bad, lost } = yield* lib.verify()
    assert.deepStrictEqual(bad, [])
    if (isLost !== undefined) assert.strictEqual(lost.length > 0, isLost)
    const whole = yield* Effect.result(Stream.runCollect(store.readAll()))
    const expected = lost.some(({ tape }) => tape === "a") ? "EventsLost" : "all"
    assert.strictEqual(whole._tag === "Failure" ? whole.failure._tag : "all", expected)
    for (const stream of ["a-1", "a-2", "a-3"]) {
      const { firstPosition, firstRevision } = yield* store.append(stream, [{ type: "After" }])
      given.add({ stream, revision: firstRevision, position: firstPosition })
    }
    yield* Effect.forEach(["a", "notes"], (name) => lib.acceptLoss(name))
    for (const stream of ["a-1", "a-2", "a-3"]) {
      const revision = yield* store.revision(stream)
      assert.notStrictEqual(revision, "no-stream")
      const next = yield* store.append(stream, [{ type: "Checked" }], { expected: revision })
      given.add({ stream, revision: next.firstRevision, position: next.firstPosition })
    }
    assert.lengthOf(yield* Stream.runCollect(store.readAll()), events.length + 6)
    yield* tapeOf(lib, "notes").pipe(Effect.flatMap((tape) => tape.append([{ note: "after" }])))
    assert.lengthOf(yield* recordsOf(lib, "notes"), notes.length + 1)
  })

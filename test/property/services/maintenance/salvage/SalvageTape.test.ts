/** A tape with one damaged segment: whatever the damage, salvage keeps what is proved and tells what is lost. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import * as Stream from "effect/Stream"
import * as fc from "fast-check"
import * as MemoryStorage from "litetapes/MemoryStorage"
import type { Root } from "litetapes/Storage"
import { flipped } from "../../../../support/copyLib.ts"
import { hiding } from "../../../../support/hidingStorage.ts"
import { existingTape, type LibService, storeOf, type StorageService, withLib } from "../../../../support/openLib.ts"
import { runs } from "../../../../support/runs.ts"
import {
  checkLeft,
  checkNotes,
  checkReads,
  costOf,
  Given,
  harm,
  streamOf,
  writeHistory
} from "../../../../support/salvaged.ts"
import { rewriteMeta, tamper } from "../../../../support/transformGround.ts"

const writes = fc.array(
  fc.record({
    stream: fc.nat(5),
    count: fc.integer({ min: 1, max: 6 }),
    bytes: fc.constantFrom(50, 2_000, 20_000, 40_000),
    flush: fc.nat(4).map((n) => n === 0)
  }),
  { minLength: 1, maxLength: 14 }
)
const damage = fc.record({
  kind: fc.oneof({ weight: 3, arbitrary: fc.constant("flip" as const) }, fc.constantFrom("sector", "cut", "remove")),
  at: fc.integer({ min: 0, max: 1000 }).map((n) => n / 1000),
  bit: fc.nat(7)
})
const compression = fc.constantFrom("none" as const, "none" as const, "gzip" as const, "zstd" as const)
/** Whether the damaged segment still has its index. */
const hasIndex = fc.nat(3).map((n) => n > 0)

/** What happens to the lib after it was salvaged. */
const step = fc.oneof(
  fc.record({
    kind: fc.constant("append" as const),
    stream: fc.nat(7),
    expected: fc.constantFrom("any" as const, "no-stream" as const, "stream-exists" as const, "last" as const),
    count: fc.integer({ min: 1, max: 3 })
  }),
  fc.record({ kind: fc.constantFrom("accept" as const, "reopen" as const, "repack" as const, "salvage" as const) }),
  fc.record({
    kind: fc.constant("harm" as const),
    which: fc.nat(9),
    damage,
    index: hasIndex,
    /** What happens to tape meta: nothing, all is lost, or a byte changes at this share of its length. */
    meta: fc.oneof(fc.constantFrom("good" as const, "lost" as const), fc.integer({ min: 0, max: 99 }))
  })
)

const run = <A, E>(effect: Effect.Effect<A, E>) => Effect.runPromise(Effect.provide(effect, Logger.layer([])))

const written = Effect.fnUntraced(function* (
  storage: StorageService,
  history: Parameters<typeof writeHistory>[1],
  codec: "none" | "gzip" | "zstd",
  dedup = false
) {
  // Without merging, so that the files are the same ones until they are damaged.
  const options = { mergeSegments: false as const }
  const write = (lib: LibService) =>
    Effect.gen(function* () {
      const events = yield* writeHistory(lib, history)
      for (const name of codec === "none" && !dedup ? [] : ["a", "notes"]) {
        const tape = yield* existingTape(lib, name)
        yield* tape.repack({ compression: codec, targetBytes: 200_000, force: true, dedup: dedup && name === "notes" })
      }
      return events
    })
  return yield* withLib(storage, "lib", write, options)
})

describe("salvageTape", () => {
  it("keeps every event outside of the damaged block, unchanged, and lists the others as lost", () =>
    fc.assert(
      fc.asyncProperty(writes, compression, damage, fc.nat(9), hasIndex, (history, codec, hurt, which, index) =>
        run(
          Effect.gen(function* () {
            const storage = yield* MemoryStorage.make
            const before = yield* written(storage, history, codec)
            const cost = yield* withLib(storage, "lib", (lib) => costOf(lib, "a", which, hurt.at), {
              mergeSegments: false
            })
            yield* tamper(storage, "lib", (root) => harm(root, "a", which, hurt, index))
            const { lost } = yield* withLib(storage, "lib", (lib) =>
              Effect.gen(function* () {
                const report = yield* lib
                  .salvageTape("a")
                  .pipe(Effect.catchTag("NotDamaged", () => Effect.succeed({ lost: [] })))
                const missing = yield* checkLeft(lib, before)
                if (hurt.kind === "flip" && index) assert.isAtMost(missing.length, cost)
                yield* checkReads(lib, before, missing, report.lost)
                const { bad, lost: known, ok } = yield* lib.verify()
                assert.isTrue(ok, JSON.stringify(bad))
                assert.lengthOf(known, report.lost.length)
                return report
              })
            )
            yield* withLib(storage, "lib", (lib) =>
              Effect.flatMap(checkLeft(lib, before), (missing) => checkReads(lib, before, missing, lost))
            )
          })
        )
      ),
      { numRuns: Math.ceil(runs / 3) }
    ))

  it("keeps every record outside of the damaged block, also where lines repeat others", () =>
    fc.assert(
      fc.asyncProperty(
        writes,
        compression,
        fc.boolean(),
        damage,
        fc.nat(9),
        hasIndex,
        (history, codec, dedup, hurt, which, index) =>
          run(
            Effect.gen(function* () {
              const storage = yield* MemoryStorage.make
              const before = yield* written(storage, history, codec, dedup)
              const notes = before.map(({ data }) => data)
              yield* tamper(storage, "lib", (root) => harm(root, "notes", which, hurt, index))
              yield* withLib(storage, "lib", (lib) =>
                Effect.gen(function* () {
                  const report = yield* lib
                    .salvageTape("notes")
                    .pipe(Effect.catchTag("NotDamaged", () => Effect.succeed({ lost: [] })))
                  const missing = yield* checkNotes(lib, notes)
                  const told = report.lost.map(({ records }) => records)
                  if (told.every((one) => one !== null)) {
                    assert.strictEqual(
                      missing,
                      told.reduce((sum, one) => sum + one, 0)
                    )
                  }
                  assert.isTrue((yield* lib.verify()).ok)
                  const tape = yield* existingTape(lib, "notes")
                  const read = yield* Effect.result(Stream.runCollect(tape.records()))
                  assert.strictEqual(read._tag, told.length === 0 ? "Success" : "Failure")
                  yield* tape.append([{ after: true }])
                  yield* lib.acceptLoss("notes")
                  assert.lengthOf(yield* Stream.runCollect(tape.records()), notes.length - missing + 1)
                })
              )
            })
          )
      ),
      { numRuns: Math.ceil(runs / 3) }
    ))

  it("gives no revision and no position twice, whatever follows", () =>
    fc.assert(
      fc.asyncProperty(writes, compression, fc.array(step, { maxLength: 12 }), (history, codec, steps) =>
        run(
          Effect.gen(function* () {
            const { hide, storage } = hiding(yield* MemoryStorage.make)
            const given = new Given()
            for (const event of yield* written(storage, history, codec)) given.add(event)
            const sessions = split(steps)
            for (const session of sessions) {
              yield* withLib(storage, "lib", (lib) => Effect.forEach(session.steps, (one) => act(lib, one, given)))
              const { hurt } = session
              if (hurt === undefined) continue
              yield* tamper(storage, "lib", (root) =>
                Effect.andThen(
                  harm(root, "a", hurt.which, provable(hurt, steps), hurt.index),
                  harmMeta(root, hurt.meta)
                )
              )
              if (hurt.meta === "lost") hide("lib", "a")
              const isBack = yield* withLib(storage, "lib", (lib) =>
                Effect.gen(function* () {
                  const recovered = yield* Effect.result(lib.recoverTape("a"))
                  yield* Effect.ignore(lib.salvageTape("a"))
                  return recovered._tag === "Success" || recovered.failure._tag === "NotDamaged"
                })
              )
              // Someone has to remove files first.
              if (!isBack) return
            }
            yield* withLib(storage, "lib", (lib) =>
              Effect.gen(function* () {
                const { bad, ok } = yield* lib.verify()
                assert.isTrue(ok, JSON.stringify(bad))
                yield* lib.acceptLoss("a")
                const store = yield* storeOf(lib)
                const all = yield* Stream.runCollect(store.readAll())
                for (const stream of Array.from({ length: 8 }, (_, n) => streamOf(n))) {
                  const own = yield* Stream.runCollect(store.read(stream))
                  assert.deepStrictEqual(
                    own,
                    all.filter((event) => event.stream === stream)
                  )
                  const revision = yield* store.revision(stream)
                  assert.strictEqual(revision, own.at(-1)?.revision ?? "no-stream")
                }
              })
            )
          })
        )
      ),
      { numRuns: Math.ceil(runs / 3) }
    ))
})

/**
 * Without meta and index, nothing tells a changed line, or an end that is gone, from a good file. So such a file loses a
 * sector, which leaves no valid line.
 */
const provable = ({ damage, index }: Hurt, steps: ReadonlyArray<Step>) => {
  const keepsMeta = steps.every((one) => !("meta" in one) || one.meta === "good")
  return keepsMeta || index || damage.kind === "remove" ? damage : { ...damage, kind: "sector" as const }
}

/** Changes a byte of tape meta, at a percentage of its length. */
const harmMeta = (root: Root, at: "good" | "lost" | number) =>
  typeof at === "number"
    ? rewriteMeta(root, "a", (bytes) => flipped(bytes, Math.floor((at / 100) * bytes.length)))
    : Effect.void

type Step = (typeof step extends fc.Arbitrary<infer S> ? S : never) & { readonly kind: string }
type Hurt = Extract<Step, { readonly kind: "harm" }>

/** Splits steps into sessions, each of which ends with the lib closed, and perhaps damaged. */
const split = (steps: ReadonlyArray<Step>) => {
  const sessions: Array<{ readonly steps: ReadonlyArray<Step>; readonly hurt: Hurt | undefined }> = []
  let open: Array<Step> = []
  for (const one of steps) {
    if (one.kind === "harm" || one.kind === "reopen") {
      sessions.push({ steps: open, hurt: one.kind === "harm" ? (one as Hurt) : undefined })
      open = []
    } else open.push(one)
  }
  return [...sessions, { steps: open, hurt: undefined }]
}

const act = Effect.fnUntraced(function* (lib: LibService, one: Step, given: Given) {
  if (one.kind === "accept") return yield* lib.acceptLoss("a")
  if (one.kind === "repack") {
    return void (yield* Effect.flatMap(existingTape(lib, "a"), (tape) => tape.repack({ targetBytes: 300_000 })))
  }
  if (one.kind === "salvage") return yield* Effect.ignore(lib.salvageTape("a"))
  if (!("expected" in one)) return
  const store = yield* storeOf(lib)
  const stream = streamOf(one.stream)
  const revision = one.expected === "last" ? yield* Effect.result(store.revision(stream)) : undefined
  const expected = revision === undefined ? (one.expected as "any") : revision._tag === "Success" ? revision.success : 0
  const events = Array.from({ length: one.count }, () => ({ type: "Added", data: { text: "more" } }))
  const appended = yield* Effect.result(store.append(stream, events, { expected }))
  if (appended._tag === "Failure") {
    const { failure } = appended
    assert.include(["WrongExpectedRevision", "EventsLost"], failure._tag)
    assert.notStrictEqual(expected, "any")
    // A revision that the store itself named fits, unless another loss came between.
    if (one.expected === "last" && revision?._tag === "Success")
      assert.fail("the revision that the store named is refused")
    return
  }
  const { firstPosition, firstRevision } = appended.success
  for (let n = 0; n < one.count; n++) {
    given.add({ stream, revision: firstRevision + n, position: firstPosition + n })
  }
})

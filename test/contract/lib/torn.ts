/**
 * Opening the files that an interrupted writer left: torn tails, damage before the last batch, lib meta without its
 * last record.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { AckedDataLost, DynamicCorrupt } from "litetapes/Errors"
import type * as Lib from "litetapes/Lib"
import type { JsonObject } from "litetapes/TaraSON"
import * as DynamicSegment from "../../../src/domain/journal/DynamicSegment.ts"
import { dynamicName } from "../../../src/domain/format/Names.ts"
import { noHash } from "../../../src/domain/meta/SystemRecord.ts"
import { copyLib, type CopyOptions, flipped } from "../../support/copyLib.ts"
import {
  type Kind,
  type LibService,
  openSession,
  recordsOf,
  type StorageService,
  tagOf,
  withLib
} from "../../support/openLib.ts"
import { checkedTag } from "../../support/messages.ts"
import { watched } from "../../support/watchedStorage.ts"

/** Commits three batches: two of one tape each, the last over both. */
const write = Effect.fnUntraced(function* (lib: LibService) {
  for (const name of ["a", "b"]) yield* lib.createTape(name)
  yield* lib.commit([{ tape: "a", records: [{ n: 0 }, { n: 1 }] }])
  yield* lib.commit([{ tape: "b", records: [{ text: "two\u2028lines" }] }])
  yield* lib.commit([
    { tape: "b", records: [{ n: 1 }] },
    { tape: "a", records: [{ n: 2 }, { n: 3 }] }
  ])
})

const beforeLast = { a: [{ n: 0 }, { n: 1 }], b: [{ text: "two\u2028lines" }] }
const everything = { a: [...beforeLast.a, { n: 2 }, { n: 3 }], b: [...beforeLast.b, { n: 1 }] }

type Contents = Readonly<Record<string, ReadonlyArray<JsonObject>>>

const contentsOf = (lib: LibService) =>
  Effect.gen(function* () {
    const contents: Record<string, ReadonlyArray<JsonObject>> = {}
    for (const { name } of yield* lib.tapes) contents[name] = yield* recordsOf(lib, name)
    return contents
  })

/** Opens a lib, writes, and runs `use` while the writer is frozen, so that `use` can copy the lib. */
const withWriter = <A, E>(
  base: StorageService,
  location: string,
  write: (lib: LibService) => Effect.Effect<unknown, { readonly _tag: string }>,
  use: Effect.Effect<A, E>,
  options?: Lib.Options
) =>
  Effect.gen(function* () {
    const watch = watched(base)
    const { lib, close } = yield* openSession(watch.storage, location, options)
    yield* write(lib)
    const used = yield* watch.frozen(use)
    yield* close
    return used
  })

/** Returns the offsets of the batches of the first dynamic segment, and its end. */
const offsetsOf = (base: StorageService, location: string) =>
  Effect.scoped(
    Effect.gen(function* () {
      const root = yield* base.open(location, "read")
      const bytes = yield* root.journal.read(1, 0, (yield* root.journal.size(1))!)
      const { batches, contentBytes } = DynamicSegment.scan(bytes, { batch: 0, hash: noHash }, undefined)
      assert.lengthOf(batches, 3)
      return [...batches.map(({ offset }) => offset), contentBytes]
    })
  )

/** Returns every `step`-th offset from `first`, and `last`. */
const cuts = (first: number, last: number, step: number): ReadonlyArray<number> => {
  const places = []
  for (let at = first; at < last; at += step) places.push(at)
  return [...places, last]
}

/** Opens, appends, closes and opens again: the contents stay as they were found. */
const checkLife = Effect.fnUntraced(function* (
  base: StorageService,
  location: string,
  expected: Contents,
  check: (lib: LibService) => void
) {
  yield* withLib(base, location, (lib) =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* contentsOf(lib), expected)
      check(lib)
      yield* lib.commit([{ tape: "a", records: [{ again: true }] }])
    })
  )
  yield* withLib(base, location, (lib) =>
    Effect.gen(function* () {
      assert.deepStrictEqual(lib.report, { created: false, recovered: false, metaTailDropped: false, warnings: [] })
      assert.deepStrictEqual(yield* contentsOf(lib), { ...expected, a: [...expected["a"]!, { again: true }] })
    })
  )
})

export const tornContract = ({ storage, place, step }: Kind): void => {
  describe("a dynamic segment", () => {
    it.live("torn at any byte of its last batch loses only that batch; its bytes are set aside and reported", () =>
      Effect.gen(function* () {
        const base = yield* storage
        const location = place()
        const check = Effect.gen(function* () {
          const [, , last, end] = yield* offsetsOf(base, location)
          for (const cut of cuts(last!, end!, step)) {
            const copied = place()
            yield* copyLib(base, location, copied, { hint: false, dynamic: (_, bytes) => bytes.slice(0, cut) })
            yield* checkLife(base, copied, cut === end ? everything : beforeLast, ({ report }) => {
              assert.isTrue(report.recovered)
              const torn = cut > last! && cut < end!
              const { tailDiscarded } = report
              assert.strictEqual(tailDiscarded !== undefined, torn)
              if (tailDiscarded === undefined) return
              assert.deepInclude(tailDiscarded, { file: dynamicName(1), offset: last!, bytes: cut - last! })
              assert.match(tailDiscarded.aside, /litelib\.dynamic-000001\.jsonl\.quarantine$/)
            })
          }
        })
        yield* withWriter(base, location, write, check)
      })
    )

    it.live("is not opened without its last batch if the hint names that batch as acknowledged", () =>
      Effect.gen(function* () {
        const base = yield* storage
        const location = place()
        const check = Effect.gen(function* () {
          const [, second, last, end] = yield* offsetsOf(base, location)
          for (const cut of [second!, second! + 9, last!, last! + 1, last! + 30, end! - 1]) {
            const copied = place()
            yield* copyLib(base, location, copied, { dynamic: (_, bytes) => bytes.slice(0, cut) })
            for (let time = 0; time < 2; time++) {
              const error = yield* Effect.flip(withLib(base, copied, () => Effect.void))
              if (!(error instanceof AckedDataLost)) return assert.fail(String(error))
              assert.deepInclude(error, { acked: 3, found: cut < last! ? 1 : 2 })
            }
          }
        })
        yield* withWriter(base, location, write, check)
      })
    )

    it.live("that is damaged before its last batch is refused every time, and left unchanged", () =>
      Effect.gen(function* () {
        const base = yield* storage
        const location = place()
        const check = Effect.gen(function* () {
          const [first, , last] = yield* offsetsOf(base, location)
          for (let at = first!; at < last!; at += 13) {
            const copied = place()
            yield* copyLib(base, location, copied, { hint: false, dynamic: (_, bytes) => flipped(bytes, at, at % 8) })
            for (const mode of ["write", "read", "write"] as const) {
              const error = yield* Effect.flip(withLib(base, copied, () => Effect.void, { mode }))
              if (!(error instanceof DynamicCorrupt)) return assert.fail(String(error))
              assert.strictEqual(error.file, dynamicName(1))
              assert.isAtMost(error.offset, at)
            }
          }
        })
        yield* withWriter(base, location, write, check)
      })
    )

    it.live("that is missing or has no header is refused", () =>
      Effect.gen(function* () {
        const base = yield* storage
        const location = place()
        const changes: ReadonlyArray<CopyOptions["dynamic"]> = [
          () => undefined,
          () => new Uint8Array(),
          (_, bytes) => bytes.slice(0, 20),
          (_, bytes) => flipped(bytes, 5)
        ]
        const check = Effect.forEach(changes, (dynamic) =>
          Effect.gen(function* () {
            const copied = place()
            yield* copyLib(base, location, copied, { hint: false, dynamic: dynamic! })
            for (let time = 0; time < 2; time++) {
              assert.strictEqual(yield* tagOf(withLib(base, copied, () => Effect.void)), "DynamicCorrupt")
            }
          })
        )
        yield* withWriter(base, location, write, check)
      })
    )
  })
}

interface Stage {
  readonly name: string
  readonly options?: Lib.Options
  readonly write: (lib: LibService) => Effect.Effect<unknown, { readonly _tag: string }>
}

/** Writers that end with different last records in lib meta. */
const stages: ReadonlyArray<Stage> = [
  { name: "a tape that was made last, and holds records", write },
  {
    name: "an archived tape",
    write: (lib) => Effect.andThen(write(lib), lib.archive("b"))
  },
  {
    name: "a new dynamic segment, or one that was closed",
    options: { closeBytes: 600 },
    write: (lib) =>
      Effect.andThen(
        write(lib),
        Effect.forEach([4, 5, 6, 7], (n) => lib.commit([{ tape: "a", records: [{ n, text: "x".repeat(200) }] }]))
      )
  }
]

const refusals = ["MetaCorrupt", "MetaInvalid", "DynamicCorrupt", "AckedDataLost"]

/** Returns the contents after opening, or the tag of the refusal. */
const lookAt = (base: StorageService, location: string): Effect.Effect<Contents | string, unknown> =>
  withLib(base, location, contentsOf).pipe(Effect.catch((error) => Effect.succeed(checkedTag(error))))

const lastLineOf = (bytes: Uint8Array): number => bytes.lastIndexOf(0x0a, bytes.length - 2) + 1

export const libMetaContract = ({ storage, place, step }: Kind): void => {
  describe("lib meta that is torn in its last record", () => {
    const check = Effect.fnUntraced(function* (base: StorageService, from: string) {
      const whole = place()
      yield* copyLib(base, from, whole, { hint: false })
      const expected = yield* withLib(base, whole, contentsOf)
      const meta = (yield* Effect.scoped(Effect.flatMap(base.open(from, "read"), (root) => root.meta.read(undefined))))!
      let opened = 0
      for (const length of cuts(lastLineOf(meta.bytes), meta.bytes.length, step)) {
        const copied = place()
        yield* copyLib(base, from, copied, { hint: false, libMeta: (bytes) => bytes.slice(0, length) })
        const found = yield* lookAt(base, copied)
        assert.deepStrictEqual(yield* lookAt(base, copied), found)
        if (typeof found === "string") {
          assert.include(refusals, found)
          continue
        }
        opened += 1
        // A tape without records may be missing: the torn record was its listing.
        for (const [name, records] of Object.entries(expected)) assert.deepStrictEqual(found[name] ?? [], records)
      }
      return opened
    })

    for (const { name, options, write } of stages) {
      it.live(`is opened or refused, and nothing is lost, after: ${name}`, () =>
        Effect.gen(function* () {
          const base = yield* storage
          const location = place()
          yield* withWriter(base, location, write, check(base, location), options)
          // After a clean end, and after an opening that was interrupted before it wrote anything.
          yield* check(base, location)
          yield* withWriter(base, location, () => Effect.void, check(base, location))
          yield* withWriter(
            base,
            location,
            (lib) => lib.commit([{ tape: "a", records: [{ later: true }] }]),
            check(base, location)
          )
        })
      )
    }

    it.live("is opened if the torn record created an empty tape", () =>
      Effect.gen(function* () {
        const base = yield* storage
        const location = place()
        const opened = yield* withWriter(
          base,
          location,
          (lib) => Effect.andThen(write(lib), lib.createTape("c")),
          check(base, location)
        )
        assert.isAbove(opened, 10)
      })
    )
  })
}

/** Damage on real files: each damage is reported with file and byte, and everything intact can still be read. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as fs from "node:fs"
import * as path from "node:path"
import * as EventStore from "litetapes/EventStore"
import * as Lib from "litetapes/Lib"
import * as NodeStorage from "litetapes/NodeStorage"
import { flipped } from "../support/copyLib.ts"
import { type Ground, states } from "../support/libStates.ts"
import { existingTape, type LibService, recordsOf, tapeOf, withLib } from "../support/openLib.ts"
import { temporaryFolder } from "../support/temporaryFolder.ts"

const newPlace = temporaryFolder()
const records: Ground["records"] = (from, to) =>
  Array.from({ length: to - from }, (_, at) => ({ n: from + at, text: `record ${from + at}` }))
const modes = ["read", "write"] as const

const inLib = <A>(
  place: string,
  use: (lib: LibService) => Effect.Effect<A, unknown>,
  options: Lib.Options = {}
): Effect.Effect<A, unknown> =>
  Effect.flatMap(NodeStorage.make, (storage) =>
    withLib<A, unknown>(storage, place, use, { mergeSegments: false, ...options })
  )

const change = (file: string, edit: (bytes: Uint8Array) => Uint8Array): void =>
  fs.writeFileSync(file, edit(Uint8Array.from(fs.readFileSync(file))))

interface Named {
  readonly _tag: string
  readonly meta?: string
  readonly file?: string
  readonly offset?: number
}

/** The error with which opening, or `use`, fails. */
const refusal = (place: string, mode: "read" | "write", use: (lib: LibService) => Effect.Effect<unknown, unknown>) =>
  Effect.map(Effect.flip(inLib(place, use, { mode })), (error) => error as Named)

const ends = (bytes: Uint8Array): Array<number> =>
  [...bytes.keys()].filter((at) => bytes[at] === 0x0a).map((at) => at + 1)

const made = (state: string) =>
  Effect.gen(function* () {
    const place = newPlace()
    const storage = yield* NodeStorage.make
    yield* states[state]!({ storage, spare: newPlace, records, count: 12, targetBytes: 100 }, place)
    return place
  })

const segmentsContract = () => {
  it.live("verify lists all damaged segments of all tapes, and every other segment can be read", () =>
    Effect.gen(function* () {
      const place = newPlace()
      yield* inLib(place, (lib) =>
        Effect.gen(function* () {
          const store = yield* Effect.provideService(EventStore.make, Lib.Lib, lib)
          for (let n = 0; n < 6; n++) {
            yield* Effect.flatMap(tapeOf(lib, "notes"), (tape) => tape.append(records(10 * n, 10 * n + 10)))
            yield* store.appendAll(["order-1", "bill-1"].map((stream) => ({ stream, events: [{ type: "T" }] })))
            for (const name of ["notes", "order", "bill"]) yield* appendSegment(lib, name)
          }
          yield* Effect.flatMap(tapeOf(lib, "packed"), (tape) => tape.append(records(0, 60)))
          const packed = yield* existingTape(lib, "packed")
          yield* packed.repack({ compression: "zstd", targetBytes: 300 })
        })
      )
      const segment = (tape: string, number: number) =>
        fs.globSync(`${tape}/seg-${String(number).padStart(6, "0")}.*`, { cwd: place })[0]!
      const packed = fs.readdirSync(path.join(place, "packed")).filter((name) => name.endsWith(".zst"))
      const damaged = [
        ...[2, 3, 5].map((number) => segment("notes", number)),
        ...[1, 6].map((number) => segment("order", number)),
        ...packed.slice(1, 3).map((name) => `packed/${name}`)
      ]
      const at = 20
      for (const file of damaged) change(path.join(place, file), (bytes) => flipped(bytes, at, 1))
      const gone = segment("notes", 6)
      fs.rmSync(path.join(place, gone))
      for (const mode of modes) {
        yield* inLib(place, (lib) => checkSegments(lib, damaged, gone, at), { mode })
      }
    })
  )
}

const appendSegment = (lib: LibService, name: string) =>
  Effect.flatMap(existingTape(lib, name), (tape) => tape.appendSegment)

const checkSegments = Effect.fnUntraced(function* (
  lib: LibService,
  damaged: ReadonlyArray<string>,
  gone: string,
  at: number
) {
  const bad = [...damaged, gone].toSorted()
  for (const depth of ["files", "records"] as const) {
    const report = yield* lib.verify({ depth })
    assert.deepStrictEqual(report.bad.map(({ file }) => file).toSorted(), bad)
    for (const { error, file, offset } of report.bad) {
      assert.strictEqual(error, file === gone ? "SegmentMissing" : "SegmentCorrupt")
      assert.isAtMost(offset, at)
    }
  }
  let good = 0
  for (const { name } of yield* lib.tapes) {
    const tape = yield* existingTape(lib, name)
    for (const { firstOrdinal, name: file, number, records: count } of yield* tape.segments) {
      if (bad.includes(`${name}/${file}`)) {
        const error = (yield* Effect.flip(Stream.runDrain(tape.readSegment(number)))) as { readonly _tag: string }
        assert.include(["SegmentCorrupt", "SegmentMissing"], error._tag)
        continue
      }
      const read = yield* Stream.runCollect(tape.readSegment(number))
      if (name === "notes" || name === "packed") {
        assert.deepStrictEqual(read, records(firstOrdinal, firstOrdinal + count))
      } else assert.lengthOf(read, 1)
      good++
    }
  }
  assert.isAtLeast(good, 12)
  const store = yield* Effect.provideService(EventStore.make, Lib.Lib, lib)
  assert.lengthOf(yield* Stream.runCollect(store.read("bill-1")), 6)
})

const metaContract = () => {
  it.live("every way in refuses a tape meta that lost whole lines at its end, and verify names it", () =>
    Effect.gen(function* () {
      const place = yield* made("clean")
      const file = path.join(place, "alpha/tape.meta.jsonl")
      const good = Uint8Array.from(fs.readFileSync(file))
      assert.isAtLeast(ends(good).length, 4)
      for (const end of ends(good).slice(0, -1)) {
        fs.writeFileSync(file, good.subarray(0, end))
        for (const mode of modes) {
          const error = yield* refusal(place, mode, (lib) => existingTape(lib, "alpha"))
          assert.deepInclude(error, { _tag: "MetaCorrupt", meta: "alpha/tape.meta.jsonl", offset: end })
          yield* inLib(
            place,
            (lib) =>
              Effect.gen(function* () {
                assert.deepStrictEqual(yield* recordsOf(lib, "beta"), records(0, 2))
                const { bad } = yield* lib.verify()
                assert.deepStrictEqual(
                  bad.map(({ error: tag, file: named, offset }) => [tag, named, offset]),
                  [["MetaCorrupt", "alpha/tape.meta.jsonl", end]]
                )
              }),
            { mode }
          )
        }
      }
      fs.writeFileSync(file, good)
      assert.lengthOf(yield* inLib(place, (lib) => recordsOf(lib, "alpha")), 12)
    })
  )

  it.live("readers and writers refuse a lib meta that lost whole lines at its end, even without a hint", () =>
    Effect.gen(function* () {
      for (const state of ["clean", "unclean"]) {
        const place = yield* made(state)
        fs.rmSync(path.join(place, "litelib.acked"))
        const file = path.join(place, "litelib.meta.jsonl")
        const good = Uint8Array.from(fs.readFileSync(file))
        for (const end of ends(good).slice(0, -1)) {
          for (const mode of modes) {
            fs.writeFileSync(file, good.subarray(0, end))
            const error = yield* refusal(place, mode, () => Effect.void)
            assert.include(["MetaCorrupt", "MetaInvalid", "DynamicCorrupt"], error._tag, `${state}, ${end}, ${mode}`)
            assert.include(String(error), "litelib.meta.jsonl")
          }
        }
        fs.writeFileSync(file, good)
        assert.lengthOf(yield* inLib(place, (lib) => recordsOf(lib, "alpha"), { mode: "read" }), 12)
      }
    })
  )
}

const dynamicContract = () => {
  it.live("opening reports lost acknowledged batches, with the file and byte where the remaining ones end", () =>
    Effect.gen(function* () {
      const place = yield* made("unclean")
      const files = fs.readdirSync(place).filter((name) => name.startsWith("litelib.dynamic-"))
      const last = files.toSorted().findLast((name) => fs.statSync(path.join(place, name)).size > 100)!
      const size = fs.statSync(path.join(place, last)).size
      fs.truncateSync(path.join(place, last), size - 1)
      for (const mode of modes) {
        const error = yield* refusal(place, mode, () => Effect.void)
        assert.deepInclude(error, { _tag: "AckedDataLost", file: last })
        assert.isBelow(error.offset!, size)
      }
    })
  )
}

describe("damage to the files of a folder", () => {
  segmentsContract()
  metaContract()
  dynamicContract()

  it.live("verify names no byte after the damage if an event does not follow the one before it", () =>
    Effect.gen(function* () {
      const place = newPlace()
      yield* inLib(place, (lib) =>
        Effect.gen(function* () {
          const store = yield* Effect.provideService(EventStore.make, Lib.Lib, lib)
          for (let n = 0; n < 5; n++) yield* store.append("order-1", [{ type: "T" }])
        })
      )
      const file = "order/seg-000001.jsonl"
      const at = fs.readFileSync(path.join(place, file)).indexOf('"order-1"', 300) + 7
      change(path.join(place, file), (bytes) => flipped(bytes, at))
      const { bad } = yield* inLib(place, (lib) => lib.verify())
      assert.deepStrictEqual(
        bad.map((finding) => finding.file),
        [file]
      )
      assert.isAtMost(bad[0]!.offset, at)
    })
  )
})

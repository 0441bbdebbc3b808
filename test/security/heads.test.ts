/**
 * Somebody who can write all files can make any lib of them, and every check of the lib itself will pass. A head that is
 * kept where that one cannot write is what tells.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as fs from "node:fs"
import * as path from "node:path"
import * as EventStore from "litetapes/EventStore"
import * as Lib from "litetapes/Lib"
import * as Proof from "litetapes/Proof"
import * as Stream from "effect/Stream"
import * as Tape from "litetapes/Tape"
import * as NodeStorage from "../../src/layers/NodeStorage.ts"
import { copyFiles, libMetaOf, rewriteMeta, rewriteTape, tapeMetaOf } from "../support/hostileLib.ts"
import { existingTape, type LibService, withLib } from "../support/openLib.ts"
import { temporaryFolder } from "../support/temporaryFolder.ts"

const place = temporaryFolder()

const payments = Array.from({ length: 12 }, (_, n) => ({
  type: "Paid",
  data: { cents: 100 * n, to: "Ada" },
  id: `p-${n}`
}))

/** Twelve payments in three segments, and the head of their tape, as its owner has written it down. */
const prepare = Effect.gen(function* () {
  const storage = yield* NodeStorage.make
  const template = place()
  const heads = yield* withLib(storage, template, (lib) =>
    Effect.gen(function* () {
      const store = yield* Effect.provideService(EventStore.make, Lib.Lib, lib)
      const heads: Array<Proof.Head> = []
      for (let from = 0; from < 12; from += 4) {
        yield* store.append("account-1", payments.slice(from, from + 4))
        heads.push(yield* Effect.flatMap(existingTape(lib, "account"), (tape) => tape.head))
      }
      return heads
    })
  )
  const kept = Proof.decodeHead(Proof.encodeHead(heads[2]!))
  const copy = () => {
    const at = place()
    copyFiles(template, at)
    return at
  }
  return { storage, copy, kept, earlier: heads[0]! }
})

/** What the library itself says of a lib. */
const isGood = (lib: LibService) => Effect.map(lib.verify(), ({ ok, bad }) => (ok ? "good" : JSON.stringify(bad)))

const opening = (lib: LibService, expected: Proof.Head) =>
  Effect.provideService(Tape.make("account", { expected }), Lib.Lib, lib)

const attacks: { readonly [name: string]: (at: string) => void } = {
  "changes one record": (at) =>
    rewriteTape(at, "account", (lines) =>
      lines.map((line) => line.replace('"cents":500,"to":"Ada"', '"cents":500,"to":"Eve"'))
    ),
  "changes the last record": (at) =>
    rewriteTape(at, "account", (lines) => lines.map((line) => line.replace('"cents":1100', '"cents":9900'))),
  "swaps two records": (at) =>
    rewriteTape(at, "account", (lines, segment) =>
      segment === 0 ? lines.map((line, n) => swapData(lines, line, n)) : lines
    ),
  "takes the last records away": (at) => {
    fs.rmSync(path.join(at, "account", "seg-000003.jsonl"))
    rewriteMeta(tapeMetaOf(at, "account"), (records) => records.slice(0, -1))
    rewriteMeta(libMetaOf(at), (records) =>
      records.map((record) => {
        const anchor = record["anchor"] as { readonly position: number } | undefined
        return anchor?.position === 12 ? { ...record, anchor: { ...anchor, position: 8 } } : record
      })
    )
  }
}

/** The data of two neighbours, exchanged; ids, revisions and positions stay in order. */
const swapData = (lines: ReadonlyArray<string>, line: string, n: number): string => {
  const partner = lines[n ^ 1]!
  return line.replace(/"cents":\d+/, /"cents":\d+/.exec(partner)![0])
}

describe("somebody who rewrites everything", () => {
  for (const [name, attack] of Object.entries(attacks)) {
    it.live(`and ${name}: passes all that the lib can check of itself, and not the head`, () =>
      Effect.gen(function* () {
        const { storage, copy, kept } = yield* prepare
        const at = copy()
        attack(at)
        for (const mode of ["read", "write"] as const) {
          yield* withLib(
            storage,
            at,
            (lib) =>
              Effect.gen(function* () {
                assert.strictEqual(yield* isGood(lib), "good")
                const store = yield* Effect.provideService(EventStore.make, Lib.Lib, lib)
                assert.isAtLeast(yield* Stream.runCount(store.readAll()), 8)
                const error = yield* Effect.flip(opening(lib, kept))
                assert.strictEqual(error._tag, "HeadMismatch")
                const { found } = error as Proof.HeadMismatch
                assert.notDeepEqual(found, kept)
                assert.strictEqual(
                  found.records,
                  yield* Effect.flatMap(existingTape(lib, "account"), (tape) => tape.size)
                )
              }),
            { mode }
          )
        }
      })
    )
  }

  it.live("in front of an earlier head is told by that one too, and behind it is not", () =>
    Effect.gen(function* () {
      const { storage, copy, kept, earlier } = yield* prepare
      const at = copy()
      attacks["changes the last record"]!(at)
      yield* withLib(storage, at, (lib) =>
        Effect.gen(function* () {
          // The first four records are what they were: that is all that this head speaks of.
          yield* opening(lib, earlier)
          assert.strictEqual((yield* Effect.flip(opening(lib, kept)))._tag, "HeadMismatch")
        })
      )
    })
  )

  it.live("and puts another tape in its place does not get past it either", () =>
    Effect.gen(function* () {
      const { storage, copy, kept } = yield* prepare
      const at = copy()
      yield* withLib(storage, at, (lib) =>
        Effect.gen(function* () {
          const error = yield* Effect.flip(opening(lib, { ...kept, tape: lib.id }))
          assert.strictEqual(error._tag, "HeadMismatch")
        })
      )
    })
  )

  it.live("cannot make a proof of it: neither that a record was there, nor that the tape only grew", () =>
    Effect.gen(function* () {
      const { storage, copy, kept, earlier } = yield* prepare
      const at = copy()
      attacks["changes one record"]!(at)
      yield* withLib(storage, at, (lib) =>
        Effect.gen(function* () {
          const tape = yield* existingTape(lib, "account")
          const proof = yield* tape.proveInclusion(5)
          const record = (yield* Stream.runCollect(tape.records({ from: 5, to: 6 })))[0]
          // It proves something, but not of the tape whose head was kept.
          assert.isTrue(Proof.checkInclusion(record, proof))
          assert.isFalse(Proof.sameHead(proof.head, kept))
          assert.strictEqual((yield* Effect.flip(tape.proveConsistency(kept)))._tag, "HeadMismatch")
          const grew = yield* tape.proveConsistency(earlier)
          assert.isFalse(Proof.sameHead(grew.to, kept))
        })
      )
    })
  )
})

describe("a head that is kept elsewhere", () => {
  it.live("is met by the tape as it was, as it has grown, and as it was repacked", () =>
    Effect.gen(function* () {
      const { storage, copy, kept } = yield* prepare
      const at = copy()
      yield* withLib(storage, at, (lib) =>
        Effect.gen(function* () {
          yield* opening(lib, kept)
          const store = yield* Effect.provideService(EventStore.make, Lib.Lib, lib)
          yield* store.append("account-1", [{ type: "Paid", data: { cents: 1 } }])
          const tape = yield* opening(lib, kept)
          yield* tape.repack({ compression: "zstd", force: true })
          yield* opening(lib, kept)
          const grew = yield* tape.proveConsistency(kept)
          assert.isTrue(Proof.sameHead(grew.from, kept) && Proof.checkConsistency(grew))
        })
      )
    })
  )

  it.live("is what opening may demand, in a layer too; a tape that does not meet it is not served", () =>
    Effect.gen(function* () {
      const { storage, copy, kept } = yield* prepare
      const at = copy()
      attacks["changes one record"]!(at)
      yield* withLib(storage, at, (lib) =>
        Effect.gen(function* () {
          const served = Effect.provide(
            Effect.flatMap(Tape.Tape, (tape) => tape.size),
            Tape.layer("account", { expected: kept })
          )
          const error = yield* Effect.flip(Effect.provideService(served, Lib.Lib, lib))
          assert.strictEqual(error._tag, "HeadMismatch")
          assert.match(error.message, /account/)
        })
      )
    })
  )
})

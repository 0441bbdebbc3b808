/**
 * An attacker who can write all files can turn them into any other lib that passes every check of its own. Only a head
 * that is kept where the attacker cannot write reveals that.
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

/** Makes a lib with twelve payments in three segments, and the head of their tape as its owner keeps it. */
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

/** Returns `good` if the lib verifies, otherwise the findings. */
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
  "removes the last records": (at) => {
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

/** Exchanges the data of two neighbours; ids, revisions and positions stay in order. */
const swapData = (lines: ReadonlyArray<string>, line: string, n: number): string => {
  const partner = lines[n ^ 1]!
  return line.replace(/"cents":\d+/, /"cents":\d+/.exec(partner)![0])
}

describe("an attacker who rewrites all files", () => {
  for (const [name, attack] of Object.entries(attacks)) {
    it.live(`passes verify but not the kept head: ${name}`, () =>
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

  it.live("is not revealed by an earlier head if only later records change", () =>
    Effect.gen(function* () {
      const { storage, copy, kept, earlier } = yield* prepare
      const at = copy()
      attacks["changes the last record"]!(at)
      yield* withLib(storage, at, (lib) =>
        Effect.gen(function* () {
          // The first four records are unchanged, and the earlier head covers only these.
          yield* opening(lib, earlier)
          assert.strictEqual((yield* Effect.flip(opening(lib, kept)))._tag, "HeadMismatch")
        })
      )
    })
  )

  it.live("does not pass the kept head with another tape", () =>
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

  it.live("can prove neither that a changed record was there nor that the tape only grew", () =>
    Effect.gen(function* () {
      const { storage, copy, kept, earlier } = yield* prepare
      const at = copy()
      attacks["changes one record"]!(at)
      yield* withLib(storage, at, (lib) =>
        Effect.gen(function* () {
          const tape = yield* existingTape(lib, "account")
          const proof = yield* tape.proveInclusion(5)
          const record = (yield* Stream.runCollect(tape.records({ from: 5, to: 6 })))[0]
          // The proof is valid, but for a different head than the kept one.
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

describe("a kept head", () => {
  it.live("matches the unchanged tape, the grown tape and the repacked tape", () =>
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

  it.live("can be required by a layer, which then fails with HeadMismatch for another tape", () =>
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

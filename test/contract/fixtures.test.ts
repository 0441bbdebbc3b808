/** Libs that were once written in any format version can be opened for ever: these files never change. */
import * as Effect from "effect/Effect"
import { spawnSync } from "node:child_process"
import * as path from "node:path"
import { fileURLToPath } from "node:url"
import * as NodeStorage from "litetapes/NodeStorage"
import { assert, describe, it } from "vitest"
import {
  appendEverywhere,
  copyFixture,
  describeLib,
  type Expected,
  fixtureFolder,
  fixtureNames,
  fixtures,
  hashFiles,
  readFixture
} from "../support/fixtures.ts"
import { frozenStates, frozenStatesOf2 } from "../support/libStates.ts"
import { existingTape, type LibService, tagOf, withLib } from "../support/openLib.ts"
import { temporaryFolder } from "../support/temporaryFolder.ts"

const newPlace = temporaryFolder()
const script = fileURLToPath(new URL("../fixtures/make.ts", import.meta.url))

const states = fixtureNames()
const wanted = Object.keys({ ...frozenStates, ...frozenStatesOf2 }).toSorted()

/** Runs `use` on a copy of the fixture's lib. */
const onCopy = <A>(
  state: string,
  use: (storage: Effect.Success<typeof NodeStorage.make>, place: string) => Effect.Effect<A, unknown>
): Promise<A> => {
  const place = newPlace()
  copyFixture(state, place)
  return Effect.runPromise(Effect.flatMap(NodeStorage.make, (storage) => use(storage, place)))
}

const check = (lib: LibService, expected: Expected) =>
  Effect.gen(function* () {
    assert.deepStrictEqual(yield* describeLib(lib), expected)
    const { bad, records } = yield* lib.verify()
    assert.deepStrictEqual(bad, [])
    return records
  })

/** Checks that all earlier records are there, followed by the added ones. */
const checkGrown = (lib: LibService, expected: Expected, added: ReadonlyMap<string, number>) =>
  Effect.gen(function* () {
    const { bad } = yield* lib.verify()
    assert.deepStrictEqual(bad, [])
    for (const { name, tape, records, root } of expected.tapes) {
      const opened = yield* existingTape(lib, name)
      assert.strictEqual(yield* opened.size, records + (added.get(name) ?? 0))
      yield* opened.checkHead({ tape, records, root })
    }
  })

describe("fixtures", () => {
  it("exist for every state", () => {
    assert.deepStrictEqual(states, wanted)
  })

  it("are never rewritten", () => {
    // Otherwise the script would write the missing ones.
    assert.deepStrictEqual(states, wanted)
    const before = hashFiles(fixtures)
    const { status, stderr } = spawnSync(process.execPath, ["--conditions=litetapes-source", script], {
      encoding: "utf8"
    })
    assert.strictEqual(status, 1)
    assert.include(stderr, "an existing one is never written again")
    assert.deepStrictEqual(hashFiles(fixtures), before)
  })

  describe.each(states)("%s", (state) => {
    const { files, ...expected } = readFixture(state)

    it("has exactly the files that were frozen", () => {
      assert.deepStrictEqual(hashFiles(path.join(fixtureFolder(state), "lib")), files)
    })

    it("opens for reading with the recorded content", () =>
      onCopy(state, (storage, place) => withLib(storage, place, (lib) => check(lib, expected), { mode: "read" })))

    const isBackup = state === "backup"

    it.runIf(isBackup)("is not opened for writing", () =>
      onCopy(state, (storage, place) =>
        Effect.map(tagOf(withLib(storage, place, () => Effect.void)), (tag) => assert.strictEqual(tag, "LibIsBackup"))
      )
    )

    it.skipIf(isBackup)("opens for writing, accepts appends, and is intact after it is reopened", () =>
      onCopy(state, (storage, place) =>
        Effect.gen(function* () {
          const added = yield* withLib(storage, place, (lib) =>
            Effect.gen(function* () {
              yield* check(lib, expected)
              const counts = yield* appendEverywhere(lib)
              yield* checkGrown(lib, expected, counts)
              return counts
            })
          )
          assert.isAbove(added.size, 0)
          for (const mode of ["read", "write"] as const) {
            yield* withLib(storage, place, (lib) => checkGrown(lib, expected, added), { mode })
          }
        })
      )
    )
  })
})

/**
 * After any sequence of operations every logical stream equals a plain array, whatever segments it ends up in and
 * however often the lib is closed, crashes and is reopened.
 */
import * as Effect from "effect/Effect"
import * as fc from "fast-check"
import * as fs from "node:fs"
import * as MemoryStorage from "litetapes/MemoryStorage"
import * as NodeStorage from "litetapes/NodeStorage"
import { describe, it } from "vitest"
import { copyLib } from "../../support/copyLib.ts"
import type { StorageService } from "../../support/openLib.ts"
import { temporaryFolder } from "../../support/temporaryFolder.ts"
import { runs } from "../../support/runs.ts"
import { commands } from "./tapeCommands.ts"
import { type Ground, Real } from "./tapeReal.ts"

const timeout = 60_000 + 1000 * runs

const check = (ground: Ground) =>
  fc.assert(
    fc.asyncProperty(commands, async (sequence) => {
      const real = new Real(ground)
      try {
        await fc.asyncModelRun(async () => {
          await real.open()
          return { model: real.model, real }
        }, sequence)
        await real.finish()
      } finally {
        await real.abandon()
      }
    }),
    { numRuns: runs }
  )

describe("a lib of tapes", () => {
  it(
    "equals plain arrays in memory",
    async () => {
      const storage = await Effect.runPromise(MemoryStorage.make)
      let places = 0
      const place = () => `place-${(places += 1)}`
      await check({ storage, place, copy: (from, to) => copyLib(storage, from, to) })
    },
    timeout
  )

  const newPlace = temporaryFolder()

  it(
    "equals plain arrays in a folder",
    async () => {
      const storage: StorageService = await Effect.runPromise(NodeStorage.make)
      const copy = (from: string, to: string) => Effect.sync(() => fs.cpSync(from, to, { recursive: true }))
      await check({ storage, place: newPlace, copy })
    },
    timeout
  )
})

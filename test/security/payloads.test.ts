/**
 * Errors and logs contain no stored data. They say where something is wrong, how much and which hash, never the
 * contents. The tests put a word into everything that is stored, make everything fail, and search for the word.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as fs from "node:fs"
import * as path from "node:path"
import * as NodeStorage from "../../src/layers/NodeStorage.ts"
import { canary, canaryKey, holdsNothing, logging, told } from "../support/canary.ts"
import { copyFiles, rewriteTape, segmentsOf } from "../support/hostileLib.ts"
import { tapeOf, withLib } from "../support/openLib.ts"
import { temporaryFolder } from "../support/temporaryFolder.ts"
import { type Contents, doEverything, makeVictim, type Outcome } from "../support/victimLib.ts"

const place = temporaryFolder()

const contents: Contents = {
  notes: (from, to) =>
    Array.from({ length: to - from }, (_, n) => ({
      $type: "Note",
      n: from + n,
      text: canary,
      [canaryKey]: { [canary]: 1 }
    })),
  events: (from, to) =>
    Array.from({ length: to - from }, (_, n) => ({
      type: "Placed",
      data: { n: from + n, text: canary, [canaryKey]: [canary] },
      metadata: { user: canary, [canaryKey]: 1 },
      tags: [canary],
      id: `id-${from + n}`
    }))
}

/** Returns whether a value must not contain data: only arrays, which are the results of reads, may. */
const isReport = (value: unknown): boolean => !Array.isArray(value)

const fileOf = (lib: string, part: string): string => {
  if (part === "a segment of records") return `notes/${segmentsOf(lib, "notes")[1]}`
  if (part === "a segment in a shard folder") return `notes/${segmentsOf(lib, "notes")[0]}`
  return part === "a segment of events" ? `order/${segmentsOf(lib, "order")[0]}` : part
}

const damages: { readonly [name: string]: (bytes: Buffer, at: number) => Buffer } = {
  "a flipped bit": (bytes, at) => {
    bytes[at]! ^= 1
    return bytes
  },
  "a broken quote": (bytes, at) => {
    bytes[bytes.indexOf('"', at)] = 0x78
    return bytes
  },
  "invalid UTF-8": (bytes, at) => {
    bytes[at] = 0xff
    return bytes
  },
  "a missing end": (bytes, at) => bytes.subarray(0, at),
  "an extra line": (bytes, at) => {
    const line = bytes.indexOf(10, at) + 1
    return Buffer.concat([bytes.subarray(0, line), Buffer.from(`{"${canaryKey}":"${canary}\n`), bytes.subarray(line)])
  },
  "a line of an unknown type": (bytes) =>
    Buffer.concat([bytes, Buffer.from(`{"$type":"LiteTape. ${canary}","${canaryKey}":1}\n`)])
}

describe("errors, logs and reports after damage", () => {
  for (const part of [
    "a segment of records",
    "a segment in a shard folder",
    "a segment of events",
    "litelib.dynamic-000001.jsonl",
    "notes/tape.meta.jsonl"
  ]) {
    it.live(`contain nothing of the stored data: ${part}`, () =>
      Effect.gen(function* () {
        const storage = yield* NodeStorage.make
        const template = place()
        yield* makeVictim(storage, template, "closed", contents)
        yield* withLib(storage, template, (lib) =>
          Effect.flatMap(tapeOf(lib, "notes"), (tape) => tape.setUserMeta("note", { text: canary, [canaryKey]: 1 }))
        )
        const open = place()
        yield* makeVictim(storage, open, "open", contents)
        const from = part.startsWith("litelib.") ? open : template
        const file = fileOf(template, part)
        let errors = 0
        for (const [name, damage] of Object.entries(damages)) {
          const bytes = fs.readFileSync(path.join(from, file))
          const word = bytes.indexOf(canary)
          assert.isAbove(word, 0)
          for (const at of [word + 3, Math.floor(bytes.length * 0.6)]) {
            const copy = place()
            copyFiles(from, copy)
            // Without an index every byte is read.
            fs.rmSync(path.join(copy, path.dirname(file), "index"), { recursive: true, force: true })
            fs.writeFileSync(path.join(copy, file), damage(Buffer.from(bytes), at))
            const logged: Array<string> = []
            const onOutcome = (outcome: Outcome) => {
              if ("error" in outcome) errors++
              const value = "error" in outcome ? outcome.error : outcome.value
              if ("error" in outcome || isReport(value))
                holdsNothing(told(value), [canary, canaryKey], `${name} at ${at}`)
            }
            yield* logging(doEverything(storage, copy, onOutcome), logged)
            holdsNothing(logged.join("\n"), [canary, canaryKey], `the log, ${name} at ${at}`)
          }
        }
        assert.isAbove(errors, 20)
      })
    )
  }

  for (const [name, change] of [
    ["is not JSON", (line: string) => line.replace('":', `${canary}`)],
    ["is not an object", () => JSON.stringify([canary, canaryKey])],
    ["is not canonical", (line: string) => line.replace("{", `{ "${canaryKey}":"${canary}",`)],
    ["has a duplicate key", (line: string) => line.replace("{", `{"${canaryKey}":1,"${canaryKey}":2,`)],
    ["has a forbidden key", (line: string) => line.replace("{", `{"${canaryKey}":{"__proto__":"${canary}"},`)],
    ["is a system record", () => `{"$type":"LiteTape.${canary}","${canaryKey}":1}`],
    ["is not an event", () => `{"${canaryKey}":"${canary}"}`],
    ["is nested too deep", () => `${"[".repeat(2000)}"${canary}"${"]".repeat(2000)}`],
    ["has a number that no double can represent", () => `{"${canaryKey}":${"9".repeat(400)}}`]
  ] as const) {
    it.live(`contain nothing of the stored data if all hashes match and a line ${name}`, () =>
      Effect.gen(function* () {
        const storage = yield* NodeStorage.make
        const at = place()
        yield* makeVictim(storage, at, "closed", contents)
        for (const tape of ["notes", "order"]) {
          rewriteTape(at, tape, (lines) => lines.map((line, n) => (n === 1 ? change(line) : line)))
        }
        const logged: Array<string> = []
        let errors = 0
        const onOutcome = (outcome: Outcome) => {
          if ("error" in outcome) errors++
          const value = "error" in outcome ? outcome.error : outcome.value
          if ("error" in outcome || isReport(value)) holdsNothing(told(value), [canary, canaryKey], name)
        }
        yield* logging(doEverything(storage, at, onOutcome), logged)
        holdsNothing(logged.join("\n"), [canary, canaryKey], "the log")
        assert.isAbove(errors, 5)
      })
    )
  }
})

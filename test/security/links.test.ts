/** No link, device or folder in a hostile lib makes the library read or write outside it. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { execFileSync } from "node:child_process"
import * as fs from "node:fs"
import * as path from "node:path"
import * as FolderStorage from "../../src/layers/FolderStorage.ts"
import * as NodeStorage from "../../src/layers/NodeStorage.ts"
import { copyFiles, segmentsOf, treeOf } from "../support/hostileLib.ts"
import { recordingDisk } from "../support/recordingDisk.ts"
import { temporaryFolder } from "../support/temporaryFolder.ts"
import { doEverything, makeVictim } from "../support/victimLib.ts"

const place = temporaryFolder()

/** Makes a copy of a victim that a crash left, next to a folder that the library must not touch. */
const prepare = (template: string) => {
  const at = place()
  copyFiles(template, at)
  const outside = `${at}.outside`
  fs.mkdirSync(path.join(outside, "folder"), { recursive: true })
  fs.writeFileSync(path.join(outside, "precious"), "precious\n")
  fs.writeFileSync(path.join(outside, "folder", "tape.meta.jsonl"), "precious\n")
  fs.writeFileSync(path.join(outside, "folder", "seg-000001.jsonl"), "precious\n")
  return { at, outside }
}

/** Made once: nobody writes to it, all work on copies. */
const withTemplate = Effect.runSync(
  Effect.cached(
    Effect.gen(function* () {
      const storage = yield* NodeStorage.make
      const template = place()
      yield* makeVictim(storage, template, "open")
      return { storage, template }
    })
  )
)

/** Replacements for a file or folder of the lib. */
const imposters: { readonly [name: string]: (target: string, outside: string) => void } = {
  "a link to what was there": (target, outside) => {
    const moved = path.join(outside, path.basename(target))
    if (fs.existsSync(target)) fs.renameSync(target, moved)
    else fs.writeFileSync(moved, "")
    fs.symlinkSync(moved, target)
  },
  "a link to nothing": (target, outside) => {
    fs.rmSync(target, { recursive: true, force: true })
    fs.symlinkSync(path.join(outside, "absent"), target)
  },
  "a link to a device": (target) => {
    fs.rmSync(target, { recursive: true, force: true })
    fs.symlinkSync("/dev/zero", target)
  },
  "a FIFO": (target) => {
    fs.rmSync(target, { recursive: true, force: true })
    execFileSync("mkfifo", [target])
  },
  "a folder": (target) => {
    fs.rmSync(target, { recursive: true, force: true })
    fs.mkdirSync(target)
  },
  "a file": (target) => {
    fs.rmSync(target, { recursive: true, force: true })
    fs.writeFileSync(target, "not what it was\n")
  }
}

/** The parts of a lib. A replaced derived part may be ignored; any other must be refused. */
const parts: ReadonlyArray<readonly [path: string, kind: "counts" | "derived"]> = [
  ["litelib.meta.jsonl", "counts"],
  ["litelib.dynamic-000001.jsonl", "counts"],
  ["litelib.lock", "counts"],
  ["litelib.acked", "counts"],
  ["notes", "counts"],
  ["notes/tape.meta.jsonl", "counts"],
  ["notes/shard-0000", "counts"],
  ["the segment in the shard folder", "counts"],
  ["a segment", "counts"],
  ["notes/index", "derived"],
  ["the index of a segment", "derived"]
]

const pathOf = (lib: string, part: string): string => {
  const [inShard, plain] = segmentsOf(lib, "notes")
  if (part === "the segment in the shard folder") return `notes/${inShard}`
  if (part === "a segment") return `notes/${plain}`
  return part === "the index of a segment" ? `notes/index/${plain}.idx` : part
}

describe("a link, device, FIFO, folder or file in place of a part of the lib", () => {
  for (const [part, kind] of parts) {
    it.live(`is never followed, and a link is refused unless the part is derived: ${part}`, () =>
      Effect.gen(function* () {
        const { storage, template } = yield* withTemplate
        const file = pathOf(template, part)
        assert.isTrue(part === "litelib.lock" || fs.existsSync(path.join(template, file)), file)
        for (const [name, put] of Object.entries(imposters)) {
          const { at, outside } = prepare(template)
          put(path.join(at, file), outside)
          const before = treeOf(outside)
          const met = yield* doEverything(storage, at)
          assert.deepStrictEqual(treeOf(outside), before, `${part} as ${name}`)
          const isLink = name.startsWith("a link")
          if (kind === "counts" && isLink) assert.include([...met], "StorageError unsafe", `${part} as ${name}`)
        }
      })
    )
  }
})

/** Everything that a writer made in a lib, by the name that it was made under. */
const findNamesMade = Effect.gen(function* () {
  const { template } = yield* withTemplate
  const { at } = prepare(template)
  const recording = recordingDisk(() => at)
  const storage = yield* Effect.provide(FolderStorage.make, recording.layer)
  yield* doEverything(storage, at)
  const names = new Set<string>()
  for (const step of recording.take()) {
    const [operation, ...given] = step.split(" ")
    if (["create", "makeFolder", "lock"].includes(operation!)) names.add(given[0]!)
    if (operation === "rename") names.add(given[1]!)
  }
  const isReachable = (name: string) => fs.existsSync(path.join(template, path.dirname(name)))
  return { template, names: [...names].filter(isReachable).toSorted() }
})

const namesMade = Effect.runSync(Effect.cached(findNamesMade))

describe("links under names that a writer is going to use", () => {
  for (const target of ["precious", "folder", "absent"]) {
    it.live(`never make it write outside the lib: link to ${target}`, () =>
      Effect.gen(function* () {
        const storage = yield* NodeStorage.make
        const { names, template } = yield* namesMade
        assert.isAbove(names.length, 20, names.join("\n"))
        for (const name of names) {
          const { at, outside } = prepare(template)
          fs.rmSync(path.join(at, name), { recursive: true, force: true })
          fs.symlinkSync(path.join(outside, target), path.join(at, name))
          const before = treeOf(outside)
          yield* doEverything(storage, at)
          assert.deepStrictEqual(treeOf(outside), before, name)
        }
      })
    )
  }

  it.live("never make it set bytes or folders aside outside the lib", () =>
    Effect.gen(function* () {
      const { storage, template } = yield* withTemplate
      const { at, outside } = prepare(template)
      fs.appendFileSync(path.join(at, "litelib.dynamic-000001.jsonl"), '{"torn":1}\n{"to')
      fs.mkdirSync(path.join(at, "fresh"))
      for (const taken of ["litelib.dynamic-000001.jsonl.quarantine", "fresh.aside-1"]) {
        fs.symlinkSync(path.join(outside, "precious"), path.join(at, taken))
      }
      const before = treeOf(outside)
      yield* doEverything(storage, at)
      assert.deepStrictEqual(treeOf(outside), before)
      assert.isTrue(fs.lstatSync(path.join(at, "litelib.dynamic-000001.jsonl-2.quarantine")).isFile())
      assert.isTrue(fs.lstatSync(path.join(at, "fresh.aside-2")).isDirectory())
    })
  )
})

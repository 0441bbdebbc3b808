/**
 * Turns the history of a git repository into events: a stream for each file, each author and each commit. Then it reads
 * them back into a report, and compresses, clones, verifies and proves the tapes. `--help` prints the usage.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as EventStore from "litetapes/EventStore"
import * as Lib from "litetapes/Lib"
import * as NodeStorage from "litetapes/NodeStorage"
import * as Tape from "litetapes/Tape"
import { existsSync, mkdirSync, mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import * as path from "node:path"
import { parseArgs } from "node:util"
import { Broken, crash } from "./internal/crash.ts"
import { demoHistory, makeRepository } from "./internal/demoRepository.ts"
import * as git from "./internal/git.ts"
import { importHistory } from "./internal/importing.ts"
import { packing } from "./internal/packing.ts"
import { duration, number, printable, rate, several, step } from "./internal/print.ts"
import { farewell, proving } from "./internal/proving.ts"
import { authors, files, listing, months, replay } from "./internal/report.ts"

const help = `The history of a git repository as events, on tapes in a folder.

  npm start -- [REPOSITORY] [--into FOLDER]

  REPOSITORY     a folder in a git repository, which is only read; default: the repository of this program
  --into FOLDER  the lib's folder, which is created if it is absent; default: ./litetapes-demo. Run the program again,
                 and it appends only new commits.
  --help         this text`

/** A repository to read, and the name under which the lib remembers it. */
interface Source {
  readonly repository: git.Repository
  readonly name: string
}

const main = Effect.fnUntraced(function* (given: string | undefined, folder: string) {
  const { repository, name } = yield* given === undefined ? ownRepository : named(given)
  const shallow = repository.shallow ? ", cut off by a shallow clone" : ""
  yield* Console.log(`1. ${printable(name)}: ${several(repository.commits, "commit")}${shallow}.`)
  mkdirSync(path.dirname(folder), { recursive: true })
  yield* Effect.scoped(Effect.provide(importing({ repository, name }, folder), EventStore.layer(folder)))
  yield* crash(folder)
  yield* Effect.scoped(Effect.provide(reading, EventStore.layer(folder)))
  yield* Effect.scoped(Effect.provide(packing, Lib.layer(folder)))
  yield* Effect.scoped(Effect.provide(closing(folder), Lib.layer(folder, { mode: "read" })))
})

const importing = Effect.fnUntraced(function* ({ repository, name }: Source, folder: string) {
  const lib = yield* Lib.Lib
  const before = yield* lib.durable
  yield* refuseOther(name, folder)
  const title = lib.report.created
    ? `2. Its commits become events in a new lib, ${printable(folder)}. Every commit is one atomic batch.`
    : `2. The lib ${printable(folder)} is continued at position ${number(before.position)}.`
  yield* step(title, importHistory(repository), ({ commits, events, known }, millis) => {
    const appended = commits - known
    const again = `${several(known, "commit was", "commits were")} known already`
    const written =
      appended === 0
        ? "nothing was appended"
        : `${several(appended, "commit")}, ${several(events, "event")} appended in ${duration(millis)}, each commit synced (${rate(events, millis)})`
    return `${known === 0 ? "" : `${again}, `}${written}.`
  })
  yield* remember(name)
})

/** Refuses another repository: two of them would share streams. The tape's user metadata names the first one. */
const refuseOther = Effect.fnUntraced(function* (name: string, folder: string) {
  const known = yield* knownName
  if (known !== undefined && known !== name) {
    return yield* new Broken({
      message: `${folder} contains the history of ${JSON.stringify(known)}: choose another folder with --into`
    })
  }
})

const knownName = Effect.gen(function* () {
  const tape = yield* Effect.catchTag(Tape.make("commit"), "TapeNotFound", () => Effect.succeed(undefined))
  return tape === undefined ? undefined : (yield* tape.meta).userMeta["repository"]
})

const remember = Effect.fnUntraced(function* (name: string) {
  const { tapes } = yield* Lib.Lib
  const started = (yield* tapes).some((tape) => tape.name === "commit")
  if (!started || (yield* knownName) !== undefined) return
  yield* (yield* Tape.make("commit")).setUserMeta("repository", name)
})

const reading = Effect.gen(function* () {
  yield* step(
    "4. All events are read back in the order of their positions.",
    replay,
    (events, millis) =>
      `${several(events, "event")} in ${duration(millis)} (${rate(events, millis)}), no position missing.`
  )
  yield* step(
    "5. A report is made from the events of each category, decoded by its schemas.",
    Effect.all([files, authors, months]),
    (tables, millis) => `\n${tables.join("\n\n")}\n\n   Made in ${duration(millis)}.`
  )
})

const closing = Effect.fnUntraced(function* (folder: string) {
  yield* proving(folder)
  yield* step(`11. The files are in ${printable(folder)}`, listing, (tables) => `\n${tables}`)
  yield* farewell(folder)
})

const named = (given: string) =>
  Effect.map(git.open(given), (repository): Source => ({ repository, name: repository.folder }))

/** Opens the repository of this program. If the program came without its history, makes a small one to read. */
const ownRepository = Effect.suspend(() => {
  const root = path.resolve(import.meta.dirname, "..")
  if (!existsSync(path.join(root, ".git"))) return demoRepository(`${root} has no .git`)
  return Effect.catchTag(named(root), "GitError", ({ message }) =>
    demoRepository(`${root} cannot be read (${message.split("\n")[0]})`)
  )
})

const demoRepository = Effect.fnUntraced(function* (why: string) {
  const folder = yield* Effect.acquireRelease(
    Effect.sync(() => mkdtempSync(path.join(tmpdir(), "litetapes-demo-"))),
    (made) => Effect.sync(() => rmSync(made, { recursive: true, force: true }))
  )
  yield* Console.log(
    `0. ${printable(why)}, so a small repository is made in ${folder}. To read yours, pass its folder.`
  )
  yield* makeRepository(folder, demoHistory)
  return { repository: yield* git.open(folder), name: "the demo repository" } satisfies Source
})

const usage = (message: string): void => {
  console.error(`git-history: ${message}\n\n${help}`)
  process.exitCode = 2
}

const start = (): void => {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { into: { type: "string" }, help: { type: "boolean", short: "h" } }
  })
  if (values.help === true) return console.log(help)
  if (positionals.length > 1) return usage("one repository at a time")
  if (values.into === "") return usage("--into needs a folder")
  main(positionals[0], path.resolve(values.into ?? "litetapes-demo")).pipe(
    Effect.scoped,
    Effect.provide(NodeStorage.layer),
    Effect.provide(NodeServices.layer),
    // The messages of these errors are meant for users. A defect is not, so it is shown with its stack.
    Effect.catch((error) =>
      Effect.andThen(
        Console.error(`git-history: ${error.message}`),
        Effect.sync(() => {
          process.exitCode = 1
        })
      )
    ),
    NodeRuntime.runMain
  )
}

try {
  start()
} catch (error) {
  usage(error instanceof Error ? error.message : String(error))
}

/** Invalid names, folders and files, and places that cannot be written to. */
import * as Effect from "effect/Effect"
import { execFileSync } from "node:child_process"
import * as fs from "node:fs"
import * as path from "node:path"
import * as FolderStorage from "litetapes/FolderStorage"
import { existingTape, openSession, recordsOf, tapeOf, withLib } from "../../../support/openLib.ts"
import { recordingDisk } from "../../../support/recordingDisk.ts"
import { closedLib, opening, usingTape } from "../steps.ts"
import type { Case, Cases, Ground } from "../table.ts"

const badNames: ReadonlyArray<readonly [name: string, text: string, says: RegExp]> = [
  ["..", "..", /"\.\." is not a tape name: it begins with \. or -; use %2e%2e, which encodeTapeName\(name\) returns/],
  [".", ".", /"\." is not a tape name/],
  ["an empty one", "", /"" is not a tape name: it is empty/],
  ["CON", "CON", /"CON" is not a tape name/],
  ["con", "con", /Windows reserves it for a device/],
  ["con.txt", "con.txt", /Windows reserves it for a device/],
  ["a trailing dot", "order.", /it ends with \./],
  ["one that is not NFC", "cafe\u0301", /it is not in Unicode normalisation form C/],
  ["a twin by case", "Order", /upper-case letters.*use %4frder/],
  ["over 100 bytes", "x".repeat(101), /it is longer than 100 bytes/],
  ["a path", "a/b", /"a\/b" is not a tape name/],
  ["a backslash", "a\\b", /is not a tape name/],
  ["a NUL", "a\0b", /is not a tape name/],
  ["one of the lib's own", "litelib.lock", /names that begin with litelib\. are reserved for the lib/],
  ["a lone surrogate", "a\ud800", /it has a lone surrogate/]
]

const tapeName: ReadonlyArray<Case> = badNames.map(([name, text, says]) => ({
  name,
  error: "InvalidTapeName",
  says,
  give: ({ place, storage }) =>
    withLib<unknown, unknown>(storage, place(), (lib) => Effect.andThen(lib.createTape("order"), lib.createTape(text)))
}))

type Look = (ground: Ground, at: string) => Effect.Effect<unknown, unknown>

const reading: Look = ({ storage }, at) => withLib(storage, at, (lib) => recordsOf(lib, "notes"), { mode: "read" })
const writing: Look = ({ storage }, at) => withLib(storage, at, () => Effect.void)

/** Replacements for a file or folder, which is moved to a place outside the lib. */
const impostors: ReadonlyArray<readonly [name: string, put: (file: string, kept: string) => void]> = [
  ["a link", (file, kept) => fs.symlinkSync(kept, file)],
  ["a link to nothing", (file) => fs.symlinkSync("nowhere", file)],
  ["a folder", (file) => fs.mkdirSync(file)],
  ["a FIFO", (file) => void execFileSync("mkfifo", [file])]
]

const victims: ReadonlyArray<readonly [name: string, file: string, look: Look]> = [
  ["lib meta", "litelib.meta.jsonl", opening],
  ["lib meta, for a writer", "litelib.meta.jsonl", writing],
  ["tape meta", "notes/tape.meta.jsonl", usingTape],
  ["a segment", "notes/seg-000002.jsonl", reading]
]

const fileType: ReadonlyArray<Case> = [
  ...victims.flatMap(([of, file, look]) =>
    impostors.map(([name, put]): Case => ({
      name: `${name} in place of ${of}`,
      error: "unsafe",
      says: new RegExp(`unsafe.*${path.basename(file).replaceAll(".", String.raw`\.`)}`),
      give: (ground) =>
        Effect.flatMap(closedLib(ground), (at) => {
          const kept = ground.place()
          fs.renameSync(path.join(at, file), kept)
          put(path.join(at, file), kept)
          return look(ground, at)
        })
    }))
  ),
  {
    name: "a link in place of the folder of a tape",
    error: "unsafe",
    says: /unsafe.*it is not the kind of file that belongs here; links are not followed.*notes/,
    give: (ground) =>
      Effect.flatMap(closedLib(ground), (at) => {
        const kept = ground.place()
        fs.renameSync(path.join(at, "notes"), kept)
        fs.symlinkSync(kept, path.join(at, "notes"))
        return usingTape(ground, at)
      })
  }
]

const notALib: ReadonlyArray<Case> = [
  {
    name: "a folder with other files",
    error: "LibInvalid",
    says: /is not a lib: it is neither empty nor a lib, but has "thesis\.txt"; choose another folder, or move that away/,
    give: (ground) => {
      const at = ground.place()
      fs.mkdirSync(at)
      fs.writeFileSync(path.join(at, "thesis.txt"), "x")
      return writing(ground, at)
    }
  },
  {
    name: "tapes without lib meta",
    error: "LibInvalid",
    says: /is not a lib: it has no litelib\.meta\.jsonl, but other files of a lib; recover it with Lib\.recover/,
    give: (ground) =>
      Effect.flatMap(closedLib(ground), (at) => {
        fs.rmSync(path.join(at, "litelib.meta.jsonl"))
        return writing(ground, at)
      })
  },
  {
    name: "an absent folder, for a reader",
    error: "LibInvalid",
    says: /is not a lib: it does not exist/,
    give: (ground) => opening(ground, ground.place())
  },
  {
    name: "a file",
    error: "LibInvalid",
    says: /is not a lib: it is not a folder/,
    give: (ground) => {
      const at = ground.place()
      fs.writeFileSync(at, "x")
      return writing(ground, at)
    }
  }
]

/** Appends to a lib on a disk that becomes full before the second append. It remains full if the lib is opened again. */
const full = Effect.fnUntraced(function* ({ place }: Ground, reopens: boolean) {
  const at = place()
  const recording = recordingDisk(() => at)
  const storage = yield* Effect.provide(FolderStorage.make, recording.layer)
  const { close, lib } = yield* openSession(storage, at)
  const tape = yield* tapeOf(lib, "notes")
  yield* tape.append([{ n: 0 }])
  recording.refuse(/^write /, "ENOSPC")
  const pending = yield* Effect.flip(tape.append([{ n: 1 }]))
  // The outcome of the append under way is unknown; only later ones are refused for good.
  const later = pending._tag === "CommitOutcomeUnknown" ? tape.append([{ n: 2 }]) : Effect.fail(pending)
  const reopened = reopens ? Effect.ignore(lib.reopen) : Effect.void
  return yield* Effect.ensuring(Effect.andThen(reopened, later), close)
})

const writer: ReadonlyArray<Case> = [
  {
    name: "a lib that another writer has open",
    error: "LibLocked",
    says: /is open for writing in this very process \(\d+\) since \d{4}-.*Z\. Use that lib, or close it first/,
    give: (ground) => {
      const at = ground.place()
      return withLib<unknown, unknown>(ground.storage, at, () => writing(ground, at))
    }
  },
  {
    name: "an append of a reader",
    error: "ReadOnly",
    says: /is open for reading only\. Open it with mode "write"/,
    give: (ground) =>
      Effect.flatMap(closedLib(ground), (at) =>
        withLib<unknown, unknown>(
          ground.storage,
          at,
          (lib) => Effect.flatMap(existingTape(lib, "notes"), (tape) => tape.append([{}])),
          { mode: "read" }
        )
      )
  },
  {
    name: "an append after one that found the disk full",
    error: "WriterPoisoned",
    says: /the writer of .* stopped after an earlier failure \(.*ENOSPC.*\)\. Call lib\.reopen, or close the lib/,
    give: (ground) => full(ground, false)
  },
  {
    name: "an append after the lib could not be opened again on a full disk",
    error: "WriterPoisoned",
    says: /the writer of .* and the lib could not be opened again: .*ENOSPC.*\. Call lib\.reopen to try again\.$/,
    give: (ground) => full(ground, true)
  }
]

export const places: Cases = { tapeName, fileType, notALib, writer }

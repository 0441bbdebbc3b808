/** Turns a git history into events: the categories with their schemas, and the events of one commit. */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Category from "litetapes/Category"
import type { StreamAppend } from "litetapes/EventStore"
import { createHash } from "node:crypto"
import type { Change, Commit, Path } from "./gitLog.ts"

/** Numbers of lines that a change added and removed. */
const Lines = Schema.Struct({ added: Schema.Int, removed: Schema.Int })
const change = { path: Schema.String, commit: Schema.String, at: Schema.String, lines: Schema.NullOr(Lines) }
const total = { files: Schema.Int, added: Schema.Int, removed: Schema.Int }

/** Changes of a file, in streams like `file-src/index.ts`. A rename ends one stream and begins another. */
export const File = Category.make("file", {
  FileAdded: Schema.Struct(change),
  FileChanged: Schema.Struct(change),
  FileRenamed: Schema.Struct({ ...change, from: Schema.String, to: Schema.String }),
  FileDeleted: Schema.Struct(change)
})

/** Commits of an author, in streams like `author-ada@example.com`. */
export const Author = Category.make("author", {
  CommitAuthored: Schema.Struct({
    name: Schema.String,
    email: Schema.String,
    commit: Schema.String,
    at: Schema.String,
    subject: Schema.String,
    ...total
  })
})

/** Commits, each in a stream `commit-<sha>` with one event. */
export const Commits = Category.make("commit", {
  CommitRecorded: Schema.Struct({
    commit: Schema.String,
    parents: Schema.Array(Schema.String),
    author: Schema.Struct({ name: Schema.String, email: Schema.String }),
    at: Schema.String,
    subject: Schema.String,
    ...total
  })
})

/**
 * Returns the events of a commit, stream by stream; that of the commit itself comes last. Event ids follow from commit
 * and path, so a repeated append appends nothing.
 */
export const eventsOf = Effect.fnUntraced(function* (commit: Commit) {
  const { sha } = commit
  const at = new Date(Math.min(Math.max(commit.seconds, 0), 253_402_300_799) * 1000).toISOString()
  const said = { commit: sha, at, subject: storable(commit.subject).slice(0, 500).toWellFormed() }
  const name = storable(commit.name)
  const email = storable(commit.email)
  const totals = { files: commit.changes.length, added: 0, removed: 0 }
  const appends: Array<StreamAppend> = []
  for (const one of commit.changes) {
    totals.added += one.lines?.added ?? 0
    totals.removed += one.lines?.removed ?? 0
    appends.push(...(yield* eventsOfFile(sha, at, one)))
  }
  const authored = yield* Author.encode({
    type: "CommitAuthored",
    id: `${sha}:author`,
    data: { name, email, ...said, ...totals }
  })
  appends.push({
    stream: Author.stream(streamId(Buffer.from(commit.email || commit.name || "unknown"))),
    events: [authored]
  })
  const recorded = yield* Commits.encode({
    type: "CommitRecorded",
    id: `${sha}:commit`,
    data: { parents: commit.parents, author: { name, email }, ...said, ...totals }
  })
  appends.push({ stream: Commits.stream(sha), events: [recorded] })
  return appends
})

const eventsOfFile = Effect.fnUntraced(function* (commit: string, at: string, { status, path, from, lines }: Change) {
  const event = { commit, at, lines: lines ?? null }
  const id = eventId(commit, path)
  const stream = File.stream(streamId(path))
  if (status === "R" && from !== undefined) {
    const names = { from: textOf(from), to: textOf(path) }
    // The same commit may add another file at the old path, whose event needs a different id.
    const left = `${eventId(commit, from)}:from`
    const before = yield* File.encode({
      type: "FileRenamed",
      id: left,
      data: { path: names.from, ...event, ...names }
    })
    const after = yield* File.encode({
      type: "FileRenamed",
      id,
      data: { path: names.to, ...event, ...names },
      metadata: { causationId: left }
    })
    return [
      { stream: File.stream(streamId(from)), events: [before] },
      { stream, events: [after] }
    ]
  }
  const type = status === "A" || status === "C" ? "FileAdded" : status === "D" ? "FileDeleted" : "FileChanged"
  return [{ stream, events: [yield* File.encode({ type, id, data: { path: textOf(path), ...event } })] }]
})

const eventId = (commit: string, path: Path): string => `${commit}:${sha256(path).slice(0, 16)}`

const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex")

/** Returns a path as a text. Bytes that are not UTF-8 become U+FFFD. */
const textOf = (path: Path): string => storable(path.toString("utf8"))

/** Replaces Unicode noncharacters and lone surrogates, which a record cannot contain. */
const storable = (text: string): string => text.replaceAll(/\p{Noncharacter_Code_Point}/gu, "\ufffd").toWellFormed()

const streamIdBytesMax = 400

/**
 * Returns the id of the stream of a path or an address: its text, with control characters escaped. If a part had to be
 * replaced or cut off, a hash is appended, so that no two of them share a stream.
 */
const streamId = (bytes: Uint8Array): string => {
  const whole = storable(Buffer.from(bytes).toString("utf8"))
  const text = whole.replaceAll(/[\p{Cc}%]/gu, encodeURIComponent)
  const exact = Buffer.from(whole).equals(bytes)
  if (exact && Buffer.byteLength(text) <= streamIdBytesMax) return text
  let short = ""
  for (const letter of text) {
    if (Buffer.byteLength(short + letter) > streamIdBytesMax) break
    short += letter
  }
  return `${short}~${sha256(bytes).slice(0, 16)}`
}

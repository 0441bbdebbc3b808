/** Files of stored events: each line is a record as a tape of events has it. */
import { appendFileSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync } from "node:fs"
import * as path from "node:path"
import { fromRecord } from "../../../domain/event/Event.ts"
import { category as categoryOf } from "../../../domain/format/Placement.ts"
import * as TaraSON from "../../../domain/json/TaraSON.ts"
import type { RecordedEvent } from "../../../services/EventStore.ts"

/** An event, or why a line is not an event. */
export interface Fixture {
  /** Names the line in a failure. */
  readonly place: string
  readonly event: RecordedEvent | undefined
  readonly why?: string
}

/** Returns the events of a category in a file, or in the files of a folder whose names end with `.jsonl`. */
export const readFixtures = (source: string, category: string): ReadonlyArray<Fixture> => {
  try {
    const files = statSync(source).isDirectory() ? filesIn(source) : [source]
    return files.flatMap((file) => linesIn(file)).filter(({ event }) => isOf(category, event))
  } catch (error) {
    return [{ place: source, event: undefined, why: `it cannot be read: ${messageOf(error)}` }]
  }
}

/** Returns fixtures of events that are given. */
export const givenFixtures = (events: ReadonlyArray<RecordedEvent>, category: string): ReadonlyArray<Fixture> =>
  events
    .map((event, index): Fixture => ({ place: `event ${index}`, event }))
    .filter(({ event }) => isOf(category, event))

/** Adds lines to the end of a file, which it creates if it is missing. */
export const addFixtures = (file: string, events: ReadonlyArray<RecordedEvent>): void => {
  if (events.length === 0) return
  const isCut = existsSync(file) && !/(^|\n)$/.test(readFileSync(file, "utf8"))
  mkdirSync(path.dirname(file), { recursive: true })
  appendFileSync(file, `${isCut ? "\n" : ""}${events.map(lineOf).join("")}`)
}

const filesIn = (folder: string): ReadonlyArray<string> =>
  readdirSync(folder)
    .filter((name) => name.endsWith(".jsonl"))
    .toSorted()
    .map((name) => path.join(folder, name))

const linesIn = (file: string): ReadonlyArray<Fixture> =>
  readFileSync(file, "utf8")
    .split("\n")
    .map((line, at) => ({ line, place: `${file}:${at + 1}` }))
    .filter(({ line }) => line.trim() !== "")
    .map(({ line, place }) => fixtureOf(line, place))

const fixtureOf = (line: string, place: string): Fixture => {
  try {
    return { place, event: fromRecord(TaraSON.parse(TaraSON.toBytes(line.trim()))) }
  } catch (error) {
    return { place, event: undefined, why: `it is not the record of an event: ${messageOf(error)}` }
  }
}

/** What is not an event may have been one of this category. */
const isOf = (category: string, event: RecordedEvent | undefined): boolean =>
  event === undefined || categoryOf(event.stream) === category

const lineOf = ({ type, ...event }: RecordedEvent): string => `${TaraSON.encode({ $type: type, ...event })}\n`

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

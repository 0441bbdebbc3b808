/** Remembers which lib a command was about when it failed, so that the way out names it. */
import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"

const locations = new WeakMap<object, string>()

/** Remembers where the lib is that a command was about. What was remembered before stays. */
export const remember = (error: unknown, location: string): void => {
  if (typeof error === "object" && error !== null && !locations.has(error)) locations.set(error, location)
}

/** Returns where the lib is that an error is about, if it is known. */
export const originOf = (error: object): string | undefined => locations.get(error)

/** Returns whether a lib is a backup, as far as its meta says. */
export const isBackup = (location: string): boolean => {
  try {
    return readFileSync(join(location, "litelib.meta.jsonl"), "latin1").includes('"$type":"LiteLib.Backup"')
  } catch {
    return false
  }
}

/** Returns whether the folder of a tape is there. */
export const hasTape = (location: string, tape: string): boolean => existsSync(join(location, tape))

/** Returns a text as a word of a shell. */
export const word = (text: string): string =>
  /^[\w./-]+$/.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`

/** What helps if files of a backup are damaged: nothing mends a backup. */
export const mendBackup =
  "another backup, or back the lib up again, into a new folder: litetapes backup TARGET --lib LIB"

/** A key store over texts by subjects. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import { isId, idBytesMax } from "../../domain/event/eventTexts.ts"
import { SubjectForgotten } from "../../domain/event/EventErrors.ts"
import { shown } from "../../domain/format/checkOptions.ts"
import { InvalidArgument } from "../../domain/format/Errors.ts"
import { keyBytes, type KeyStore, type SubjectKey, type SubjectKeys } from "../../services/ports/KeyStore.ts"
import { Randomness } from "../../services/ports/Randomness.ts"
import { StorageError } from "../../services/ports/Storage.ts"
import { decodeEntry, encodeEntry, type Entry } from "./entry.ts"

/** Keeps a text for each subject. */
export interface Texts {
  /** Describes the place of a subject's text in errors. */
  readonly placeOf: (subject: string) => string
  /** Returns the texts of these subjects, and leaves out subjects without a text. */
  readonly read: (subjects: ReadonlyArray<string>) => Effect.Effect<ReadonlyMap<string, string>, StorageError>
  /**
   * Replaces the text of a subject, durably, if it still is `before`; `undefined` for no text. Returns whether it was. What
   * was there must not be read again.
   */
  readonly replace: (subject: string, before: string | undefined, text: string) => Effect.Effect<boolean, StorageError>
  /** Makes what was read durable: whoever wrote it may have ended, or failed, before it was. */
  readonly settle: Effect.Effect<void, StorageError>
  /** Returns all texts, each with its place. */
  readonly all: Effect.Effect<ReadonlyArray<readonly [place: string, text: string]>, StorageError>
}

type Shape = KeyStore["Service"]

export const keyStoreOver = (texts: Texts): Shape => {
  const find: Shape["find"] = (subjects) =>
    Effect.flatMap(texts.read(subjects), (found) => {
      const known = new Map<string, SubjectKeys>()
      for (const [subject, text] of found) {
        const entry = decodeEntry(text, texts.placeOf(subject), subject)
        if (entry instanceof StorageError) return Effect.fail(entry)
        known.set(subject, keysOf(entry))
      }
      return Effect.succeed(known)
    })

  const change = changeIn(texts)
  const acquire: Shape["acquire"] = (subjects) =>
    Effect.gen(function* () {
      const known = new Map(yield* find(subjects))
      if (known.size > 0) yield* texts.settle
      for (const subject of subjects) {
        if (known.has(subject)) continue
        const entry = yield* change(subject, (before) =>
          before === undefined ? withNewKey(noKeys(subject)) : Effect.succeed(undefined)
        )
        known.set(subject, keysOf(entry!))
      }
      return known
    })

  return {
    find,
    acquire,
    rotate: (subject) =>
      changing("KeyStore.rotate", subject, () =>
        change(subject, (entry = noKeys(subject)) =>
          isForgotten(entry) ? Effect.fail(new SubjectForgotten({ subject })) : withNewKey(entry)
        )
      ),
    forget: (subject) =>
      changing("KeyStore.forget", subject, () =>
        change(subject, (entry = noKeys(subject)) =>
          isForgotten(entry) ? Effect.succeed(undefined) : destroyed(entry)
        )
      ),
    renew: (subject) =>
      changing("KeyStore.renew", subject, () =>
        change(subject, (entry = noKeys(subject)) =>
          entry.keys.length > 0 ? Effect.succeed(undefined) : withNewKey(entry)
        )
      ),
    forgotten: Effect.flatMap(texts.all, (all) => {
      const subjects: Array<{ readonly subject: string; readonly time: string }> = []
      for (const [place, text] of all) {
        const entry = decodeEntry(text, place)
        if (entry instanceof StorageError) return Effect.fail(entry)
        if (isForgotten(entry)) subjects.push({ subject: entry.subject, time: entry.forgotten! })
      }
      return Effect.succeed(subjects)
    })
  }
}

/** Returns what changes what is kept for a subject; nothing if `next` returns `undefined`. It returns what is kept then. */
const changeIn = (texts: Texts) => {
  const change = <E>(
    subject: string,
    next: (entry: Entry | undefined) => Effect.Effect<Entry | undefined, E>
  ): Effect.Effect<Entry | undefined, E | StorageError> =>
    Effect.gen(function* () {
      const text = (yield* texts.read([subject])).get(subject)
      const before = text === undefined ? undefined : decodeEntry(text, texts.placeOf(subject), subject)
      if (before instanceof StorageError) return yield* before
      const after = yield* next(before)
      if (after === undefined) {
        yield* texts.settle
        return before
      }
      // Somebody else may have changed it meanwhile.
      return (yield* texts.replace(subject, text, encodeEntry(after))) ? after : yield* change(subject, next)
    })
  return change
}

const keysOf = ({ destroyed, keys }: Entry): SubjectKeys => ({ keys, destroyed })

const noKeys = (subject: string): Entry => ({ subject, keys: [], destroyed: 0, forgotten: undefined })

const isForgotten = ({ forgotten, keys }: Entry): boolean => keys.length === 0 && forgotten !== undefined

const lastVersion = ({ destroyed, keys }: Entry): number => keys.at(-1)?.version ?? destroyed

const withNewKey = (entry: Entry): Effect.Effect<Entry> =>
  Effect.map(Randomness, (random) => {
    const key: SubjectKey = { version: lastVersion(entry) + 1, bytes: random(keyBytes) }
    return { ...entry, keys: [...entry.keys, key] }
  })

const destroyed = (entry: Entry): Effect.Effect<Entry> =>
  Effect.map(Clock.currentTimeMillis, (now) => ({
    ...entry,
    keys: [],
    destroyed: lastVersion(entry),
    forgotten: new Date(now).toISOString()
  }))

const changing = <E>(
  call: string,
  subject: unknown,
  change: () => Effect.Effect<unknown, E>
): Effect.Effect<void, E | InvalidArgument> => {
  if (isId(subject)) return Effect.asVoid(Effect.suspend(change))
  const why = `must be a text of 1 to ${idBytesMax} bytes, not ${shown(subject)}`
  return Effect.fail(new InvalidArgument({ call, argument: "subject", why }))
}

/**
 * Where the keys of subjects are kept: the people, or whatever else, whose data in events may have to be forgotten.
 *
 * @see `litetapes/KeyStore` for the implementations, `litetapes/Erasable` for the fields that are encrypted
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type { SubjectForgotten } from "../../domain/event/EventErrors.ts"
import type { InvalidArgument } from "../../domain/format/Errors.ts"
import type { StorageError } from "./Storage.ts"

/** Bytes of a key. */
export const keyBytes = 32

/** A key of a subject. */
export interface SubjectKey {
  /** Number of the key among those of its subject, from 1. It is stored with each field that the key encrypts. */
  readonly version: number
  /** The 32 bytes of the key. */
  readonly bytes: Uint8Array
}

/** What is known of a subject. */
export interface SubjectKeys {
  /** Its keys, the oldest first. The last one encrypts. Empty if the subject was forgotten. */
  readonly keys: ReadonlyArray<SubjectKey>
  /** Version of the last key that was destroyed; 0 if none was. */
  readonly destroyed: number
}

/** A subject whose keys were destroyed. */
export interface ForgottenSubject {
  /** Its id. */
  readonly subject: string
  /** Time of the last call of `forget`, as RFC 3339 in UTC. */
  readonly time: string
}

/** Keeps the keys of subjects, as a service. */
export class KeyStore extends Context.Service<
  KeyStore,
  {
    /** Returns what is known of these subjects. Leaves out those that never had a key. */
    readonly find: (subjects: ReadonlyArray<string>) => Effect.Effect<ReadonlyMap<string, SubjectKeys>, StorageError>
    /**
     * Does the same, and makes a key for each subject that never had one: the key is durable before this returns. A subject
     * that was forgotten gets none.
     */
    readonly acquire: (subjects: ReadonlyArray<string>) => Effect.Effect<ReadonlyMap<string, SubjectKeys>, StorageError>
    /**
     * Makes a new key for a subject, with which its data is encrypted from now on. The older ones are kept, to decrypt what they
     * have encrypted. Fails with `SubjectForgotten` if the subject was forgotten.
     */
    readonly rotate: (subject: string) => Effect.Effect<void, StorageError | InvalidArgument | SubjectForgotten>
    /**
     * Destroys all keys of a subject for good. What they have encrypted is read as `Erased` from then on, in every copy of the
     * events. Does nothing the second time.
     */
    readonly forget: (subject: string) => Effect.Effect<void, StorageError | InvalidArgument>
    /**
     * Makes a new key for a subject that was forgotten, so that data of it can be stored again. Nothing is read again that was
     * encrypted before. Does nothing if the subject has a key.
     */
    readonly renew: (subject: string) => Effect.Effect<void, StorageError | InvalidArgument>
    /** Returns the subjects that have no key because they were forgotten, in no particular order. */
    readonly forgotten: Effect.Effect<ReadonlyArray<ForgottenSubject>, StorageError>
  }
>()("litetapes/KeyStore") {}

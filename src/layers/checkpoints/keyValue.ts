/**
 * Checkpoints in a `KeyValueStore`. It cannot compare and set, so the claim is a lease that is renewed, and two processes
 * that claim in the same moment may both succeed.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type { KeyValueStore, KeyValueStoreError } from "effect/persistence/KeyValueStore"
import { randomUUID } from "node:crypto"
import { type ClaimedEntries, ConsumerClaimed, type OutsideLib } from "../../services/ports/CheckpointStore.ts"
import type { StorageError } from "../../services/ports/Storage.ts"
import { storageError } from "../storage/storageErrors.ts"
import { Claims, held, type Lease } from "./claims.ts"

/** A claim that was not renewed for so long has ended. */
const leaseMillis = 30_000

export const makeKeyValue = (store: KeyValueStore, prefix: string): OutsideLib => {
  const claims = new Claims()
  return {
    claim: (consumer, onClaimed) => {
      const place = `${prefix}${consumer}/`
      const lease = new KeyValueLease(store, place)
      const claimed = new ConsumerClaimed({ consumer, place })
      return claims.claim(consumer, place, onClaimed).pipe(
        Effect.andThen(held(lease, claimed, onClaimed)),
        Effect.map((lost) => ({ ...entriesOf(store, place, lease), lost }))
      )
    }
  }
}

class KeyValueLease implements Lease {
  readonly #store: KeyValueStore
  readonly #place: string
  readonly #owner: string = randomUUID()
  readonly renewEvery = "10 seconds"
  readonly retryEvery = "1 second"

  constructor(store: KeyValueStore, place: string) {
    this.#store = store
    this.#place = place
  }

  /** Takes the lease, unless somebody else has renewed it lately. */
  readonly take: Effect.Effect<boolean, StorageError> = Effect.suspend(() =>
    Effect.gen({ self: this }, function* () {
      const now = yield* Clock.currentTimeMillis
      const found = yield* this.#read
      if (found !== undefined && found.owner !== this.#owner && found.time > now - leaseMillis) return false
      yield* this.#write(now)
      return (yield* this.#read)?.owner === this.#owner
    }).pipe(Effect.tapError(() => this.free))
  )

  /** Fails if somebody else has the lease. */
  readonly check: Effect.Effect<void, StorageError> = Effect.suspend(() =>
    Effect.flatMap(this.#read, (found) =>
      found?.owner === this.#owner
        ? Effect.void
        : Effect.fail(
            storageError("write", this.#place, "lock-lost", "another run has claimed the consumer; stop one of them")
          )
    )
  )

  readonly renew: Effect.Effect<void, StorageError> = Effect.suspend(() =>
    Effect.andThen(
      this.check,
      Effect.flatMap(Clock.currentTimeMillis, (now) => this.#write(now))
    )
  )

  readonly free: Effect.Effect<void> = Effect.suspend(() =>
    Effect.ignore(Effect.andThen(this.check, told(this.#place, this.#store.remove(this.#key))))
  )

  get #key(): string {
    return `${this.#place}claim`
  }

  get #read(): Effect.Effect<{ readonly owner: string; readonly time: number } | undefined, StorageError> {
    return Effect.map(told(this.#place, this.#store.get(this.#key)), (text) => {
      const [owner = "", time = ""] = (text ?? "").split(" ")
      return text === undefined ? undefined : { owner, time: Number(time) }
    })
  }

  #write(now: number): Effect.Effect<void, StorageError> {
    return told(this.#place, this.#store.set(this.#key, `${this.#owner} ${now}`))
  }
}

const entriesOf = (store: KeyValueStore, place: string, lease: KeyValueLease): ClaimedEntries => {
  const ours = `${place}entry-`
  return {
    place,
    get: (key) => told(place, store.get(`${ours}${key}`)),
    set: (key, text) => Effect.andThen(lease.check, told(place, store.set(`${ours}${key}`, text))),
    remove: (key) => Effect.andThen(lease.check, told(place, store.remove(`${ours}${key}`))),
    keys: Effect.map(told(place, store.keys), (keys) =>
      keys.filter((key) => key.startsWith(ours)).map((key) => key.slice(ours.length))
    )
  }
}

const told = <A>(place: string, effect: Effect.Effect<A, KeyValueStoreError>): Effect.Effect<A, StorageError> =>
  Effect.mapError(effect, ({ message, method }) => storageError(method, place, "failed", message))

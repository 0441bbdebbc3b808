/**
 * Checkpoints in a `KeyValueStore`. It cannot compare and set, so the claim is a lease that is renewed, and two processes
 * that claim in the same moment may both succeed.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { KeyValueStore, KeyValueStoreError } from "effect/persistence/KeyValueStore"
import { randomUUID } from "node:crypto"
import { type ClaimedEntries, ConsumerClaimed, type OutsideLib } from "../../services/ports/CheckpointStore.ts"
import type { StorageError } from "../../services/ports/Storage.ts"
import { storageError } from "../storage/storageErrors.ts"
import { Claims } from "./claims.ts"

/** A claim that was not renewed for so long has ended. */
const leaseMillis = 30_000
const renewEvery = "10 seconds"
const retryEvery = "1 second"

export const makeKeyValue = (store: KeyValueStore, prefix: string): OutsideLib => {
  const claims = new Claims()
  return {
    claim: (consumer, onClaimed) => {
      const place = `${prefix}${consumer}/`
      const lease = new Lease(store, place)
      const claimed: Effect.Effect<void, ConsumerClaimed | StorageError, Scope.Scope> = Effect.flatMap(
        Effect.acquireRelease(lease.take, (isTaken) => (isTaken ? lease.free : Effect.void)),
        (isTaken): Effect.Effect<void, ConsumerClaimed | StorageError, Scope.Scope> => {
          if (isTaken) return Effect.asVoid(Effect.forkScoped(lease.renewing))
          if (onClaimed === "refuse") return Effect.fail(new ConsumerClaimed({ consumer, place }))
          return Effect.andThen(Effect.sleep(retryEvery), claimed)
        }
      )
      return claims
        .claim(consumer, place, onClaimed)
        .pipe(Effect.andThen(claimed), Effect.as(entriesOf(store, place, lease)))
    }
  }
}

class Lease {
  readonly #store: KeyValueStore
  readonly #place: string
  readonly #owner: string = randomUUID()

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
    })
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

  /** A failure shows at the next write. */
  readonly renewing: Effect.Effect<never> = Effect.suspend(() => {
    const renew = Effect.andThen(
      this.check,
      Effect.flatMap(Clock.currentTimeMillis, (now) => this.#write(now))
    )
    return Effect.forever(Effect.andThen(Effect.sleep(renewEvery), Effect.ignore(renew)))
  })

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

const entriesOf = (store: KeyValueStore, place: string, lease: Lease): ClaimedEntries => {
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

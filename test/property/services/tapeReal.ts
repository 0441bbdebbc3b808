/** The real lib that is compared with a model: open for writing, over a storage that can be frozen. */
import { assert } from "vitest"
import * as Effect from "effect/Effect"
import type * as Lib from "litetapes/Lib"
import type { StorageError } from "litetapes/Storage"
import { openSession, type Session, type StorageService } from "../../support/openLib.ts"
import { watched, type Watched } from "../../support/watchedStorage.ts"
import { compareLib, type Model } from "./tapeModel.ts"

/** Places of libs of one kind, and a way to copy one while nothing writes to it. */
export interface Ground {
  readonly storage: StorageService
  readonly place: () => string
  readonly copy: (from: string, to: string) => Effect.Effect<void, StorageError>
}

/** So small that dynamic segments roll and close all the time. */
export const options: Lib.Options = { closeBytes: 2048, backlogMax: 2 }

const wholeRange = [{ from: 0, to: 1 }]

export class Real {
  readonly #ground: Ground
  #place: string
  #session: Session | undefined
  #watch: Watched
  model: Model = new Map()

  constructor(ground: Ground) {
    this.#ground = ground
    this.#place = ground.place()
    this.#watch = watched(ground.storage)
  }

  get lib(): Session["lib"] {
    assert.isDefined(this.#session)
    return this.#session.lib
  }

  /** The place for another reader, over the storage itself. */
  get readers(): { readonly storage: StorageService; readonly place: string } {
    return { storage: this.#ground.storage, place: this.#place }
  }

  async open(): Promise<void> {
    this.#watch = watched(this.#ground.storage)
    this.#session = await Effect.runPromise(openSession(this.#watch.storage, this.#place, options))
  }

  /** Closes the lib cleanly and reopens it. */
  async reopen(): Promise<void> {
    await this.abandon()
    await this.open()
    assert.isFalse(this.lib.report.recovered)
  }

  /** Continues with a copy that was made while the writer was at work, as after a crash. */
  async crash(): Promise<void> {
    const copied = this.#ground.place()
    const { durable } = this.lib
    const before = await Effect.runPromise(durable)
    await Effect.runPromise(this.#watch.frozen(this.#ground.copy(this.#place, copied)))
    await this.abandon()
    this.#place = copied
    await this.open()
    assert.isTrue(this.lib.report.recovered)
    assert.isFalse(this.lib.report.metaTailDropped)
    assert.isUndefined(this.lib.report.tailDiscarded)
    assert.deepStrictEqual(await Effect.runPromise(this.lib.durable), before)
  }

  /**
   * Waits until full dynamic segments are flushed and dropped: only the current one, and perhaps the next one, are
   * left.
   */
  async closed(): Promise<void> {
    const watch = this.#watch
    await Effect.runPromise(
      Effect.callback<void>((resume) => {
        const look = () => {
          if (watch.dynamics.size <= 2) resume(Effect.void)
        }
        watch.after = (operation) => Effect.sync(() => (operation === "journal.drop" ? look() : undefined))
        look()
      })
    )
  }

  /** Compares everything, and compares it again after a close and a reopen. */
  async finish(): Promise<void> {
    await Effect.runPromise(compareLib(this.lib, this.model, wholeRange))
    await this.reopen()
    await Effect.runPromise(compareLib(this.lib, this.model, wholeRange))
  }

  async abandon(): Promise<void> {
    const session = this.#session
    this.#session = undefined
    if (session !== undefined) await Effect.runPromise(session.close)
  }
}

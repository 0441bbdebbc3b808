/** Appends for other processes: carries out their requests in the process of the writer. */
import type * as Clock from "effect/Clock"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { invariant } from "../../domain/base/invariant.ts"
import { appenderOf } from "../../services/appenders.ts"
import { Signal } from "../../services/base/Signal.ts"
import type { Session } from "../../services/Sessions.ts"
import type { AppendResult } from "../../services/streams/AppendRequest.ts"
import { EventAppender, type EventAppendError } from "../../services/streams/EventAppender.ts"
import { answerOf } from "./answerForms.ts"
import type { AppendCall } from "./requestForms.ts"

/** Takes the answer to a request, without its number. */
export type OnAnswer = (answer: string) => void

export class Desk {
  readonly #session: Session
  readonly #appender: EventAppender
  /** Ids for the events of the call that is being encoded. */
  #newIds = none()
  readonly #fork: ReturnType<typeof Effect.runForkWith<never>>
  /** Callbacks for each request that is being carried out. */
  readonly #open = new Map<string, Array<OnAnswer>>()
  readonly #changes = new Signal()

  constructor(session: Session, context: Context.Context<never>) {
    this.#session = session
    const own = appenderOf(session)
    invariant(own !== undefined && session.writer !== undefined, "only a writer has a desk")
    // The same states, so that both see each other's pending appends.
    const handle = { ...session.handle, uuid: (now: number) => this.#idAt(now) }
    this.#appender = new EventAppender(handle, session.writer.loop, own.states)
    this.#fork = Effect.runForkWith(context)
  }

  /**
   * Carries out a request, and answers it once. If it is sent again over another connection meanwhile, both get the one
   * answer: its events are pending, so nothing that is durable would show that it is a repeat.
   */
  request(caller: string, call: AppendCall, onAnswer: OnAnswer): void {
    const key = `${caller} ${call.number}`
    const waiting = this.#open.get(key)
    if (waiting !== undefined) {
      waiting.push(onAnswer)
      return
    }
    const mine = [onAnswer]
    this.#open.set(key, mine)
    this.#fork(this.#append(call)).addObserver((exit) => {
      this.#open.delete(key)
      const answer = answerOf(exit)
      for (const tell of mine) tell(answer)
      this.#changes.wake()
    })
  }

  /** Waits until everything that was requested is answered. */
  readonly idle: Effect.Effect<void> = Effect.suspend(() => this.#changes.until(() => this.#open.size === 0))

  #append({
    appends,
    isOne,
    newIds,
    ofCall
  }: AppendCall): Effect.Effect<ReadonlyArray<AppendResult>, EventAppendError> {
    const result = Effect.clockWith((clock: Clock.Clock) => {
      // The appender encodes the events in this call, and then makes other ids, such as that of a new tape.
      this.#newIds = newIds.values()
      try {
        return this.#appendNow(clock, isOne, appends, ofCall)
      } finally {
        this.#newIds = none()
      }
    })
    const writes = ofCall.checkpoint !== undefined || appends.some(({ events }) => events.length > 0)
    // Nothing that was written shows that this is still the writer.
    return writes ? result : Effect.tap(result, () => this.#session.handle.guard.checkLock)
  }

  #appendNow(
    clock: Clock.Clock,
    isOne: boolean,
    appends: AppendCall["appends"],
    ofCall: AppendCall["ofCall"]
  ): Effect.Effect<ReadonlyArray<AppendResult>, EventAppendError> {
    return isOne
      ? Effect.map(
          this.#appender.appendOne(clock, () => ({ ...appends[0]!, ...ofCall }), undefined),
          (one) => [one]
        )
      : this.#appender.append(
          clock,
          () => appends,
          () => ofCall,
          undefined
        )
  }

  #idAt(now: number): string {
    const next = this.#newIds.next()
    return next.done === true ? this.#session.handle.uuid(now) : next.value
  }
}

const none = (): Iterator<string> => [].values()

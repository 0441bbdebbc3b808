/**
 * The requests of one store that are not answered yet. They go to whoever is the writer now. If it ends, they wait for the
 * next one, and are sent again under the same ids.
 */
import * as Effect from "effect/Effect"
import { CommitOutcomeUnknown, LibClosed } from "../../domain/format/Errors.ts"
import { WriterUnreachable } from "../../domain/format/WriterUnreachable.ts"
import type { AppendResult } from "../../services/streams/AppendRequest.ts"
import type { EventAppendError } from "../../services/streams/EventAppender.ts"
import type { Answer } from "./answerForms.ts"
import { type OpenRequest, textOf } from "./requestForms.ts"

/** Where requests go, each with its number: a connection to another process, or the desk of this one. */
export type Target = (text: string, number: number) => void

type Results = ReadonlyArray<AppendResult>

interface Waiting {
  readonly request: OpenRequest
  readonly resume: (result: Effect.Effect<Results, EventAppendError>) => void
  /** Number of times that it was sent. */
  sent: number
  /** When there was no writer for it for the first time, by the clock. */
  since: number | undefined
}

export class Requests {
  readonly #location: string
  readonly #now: () => number
  readonly #waiting = new Map<number, Waiting>()
  #target: Target | undefined
  #isOver = false
  #numbers = 0
  /** Keeps the process alive while an append waits: sockets do not. */
  #held: NodeJS.Timeout | undefined

  constructor(location: string, now: () => number) {
    this.#location = location
    this.#now = now
  }

  /** Sends a request, and waits for its results. An append whose caller is interrupted may still be carried out. */
  send(request: OpenRequest): Effect.Effect<Results, EventAppendError> {
    return Effect.callback((resume) => {
      if (this.#isOver) return resume(Effect.fail(new LibClosed({ location: this.#location })))
      const number = this.#numbers++
      const waiting: Waiting = { request, resume, sent: 0, since: undefined }
      this.#waiting.set(number, waiting)
      this.#held ??= setInterval(() => undefined, 2 ** 30)
      this.#give(number, waiting)
      return Effect.sync(() => this.#drop(number))
    })
  }

  /** Sets where requests go from now on, and sends all that are waiting; `undefined` while there is no writer. */
  aim(target: Target | undefined): void {
    this.#target = target
    for (const [number, waiting] of this.#waiting) this.#give(number, waiting)
  }

  answered(number: number, answer: Answer): void {
    const waiting = this.#waiting.get(number)
    // Its caller was interrupted; or it waits for the next writer.
    if (waiting === undefined || answer.kind === "moved") return
    this.#settle(number, waiting, this.#resultOf(waiting, answer))
  }

  /**
   * Fails what has waited longer than `millis`, since it had no writer for the first time: a disk may allow one process after
   * the other to open the lib, and refuse all that follows.
   */
  expire(millis: number, why: string): void {
    if (this.#target !== undefined) return
    const now = this.#now()
    for (const [number, waiting] of this.#waiting)
      if (now - (waiting.since ?? now) >= millis)
        this.#settle(number, waiting, Effect.fail(this.#unreachable(waiting, why)))
  }

  /** Fails everything: the store closes. */
  end(): void {
    this.#isOver = true
    this.#target = undefined
    for (const [number, waiting] of this.#waiting) {
      const why = "the store was closed before the writer had answered"
      const error = waiting.sent > 0 ? this.#unknown(why) : new LibClosed({ location: this.#location })
      this.#settle(number, waiting, Effect.fail(error))
    }
  }

  #give(number: number, waiting: Waiting): void {
    if (this.#target === undefined) {
      waiting.since ??= this.#now()
      return
    }
    const text = textOf(number, waiting.sent > 0, waiting.request)
    waiting.sent++
    this.#target(text, number)
  }

  #drop(number: number): void {
    this.#waiting.delete(number)
    if (this.#waiting.size > 0) return
    clearInterval(this.#held)
    this.#held = undefined
  }

  #settle(number: number, { resume }: Waiting, result: Effect.Effect<Results, EventAppendError>): void {
    this.#drop(number)
    resume(result)
  }

  #resultOf(
    { request, sent }: Waiting,
    answer: Exclude<Answer, { kind: "moved" }>
  ): Effect.Effect<Results, EventAppendError> {
    const { isCheckpoint, isNew, streams } = request
    if (answer.kind === "defect") return Effect.die(new Error(answer.message))
    if (answer.kind === "failed") {
      // The first time may have done it, or somebody else.
      const isUnsure = isCheckpoint && sent > 1 && answer.error._tag === "CheckpointNotIncreased"
      return Effect.fail(
        isUnsure ? this.#unknown("its answer was lost, and the checkpoint is there now") : answer.error
      )
    }
    if (answer.results.length !== streams.length) return Effect.die(new Error("the writer answered another request"))
    return Effect.succeed(
      answer.results.map((result, at) => ({
        stream: streams[at]!,
        ...result,
        // For its caller this was the first time, however often it was sent.
        repeated: result.repeated && !isNew
      }))
    )
  }

  #unreachable({ sent }: Waiting, why: string): EventAppendError {
    return sent > 0 ? this.#unknown(why) : new WriterUnreachable({ location: this.#location, why })
  }

  #unknown(cause: string): CommitOutcomeUnknown {
    return new CommitOutcomeUnknown({ location: this.#location, cause })
  }
}

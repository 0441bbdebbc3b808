/**
 * The role of a process among those that share a lib: its writer, or one of those that append through the writer. Each
 * process tries to reach a writer first, and else to become it. The kernel's lock decides between several. When the writer
 * ends, or its writer stops, all of them try again.
 */
import type * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import { LibLocked, type ReaderBusy } from "../../domain/format/Errors.ts"
import { WriterUnreachable } from "../../domain/format/WriterUnreachable.ts"
import { lineageOf } from "../../domain/meta/LibState.ts"
import type { OpenError } from "../../services/lib/OpenError.ts"
import { type Opening, openSession, openWriterSession } from "../../services/openSession.ts"
import { Randomness } from "../../services/ports/Randomness.ts"
import type { Storage } from "../../services/ports/Storage.ts"
import type { Session } from "../../services/Sessions.ts"
import type { ServedSessions } from "../../services/serveLib.ts"
import { readRequest } from "./requestForms.ts"
import { readAnswer } from "./answerForms.ts"
import type { Desk } from "./Desk.ts"
import type { Caller } from "./greetings.ts"
import type { OpenSharedError } from "./OpenSharedError.ts"
import { Requests } from "./Requests.ts"
import { type Connection, connectTo } from "./SocketClient.ts"
import { serveSocket } from "./SocketServer.ts"

/** Pauses between two attempts: the first one, and the longest one. */
const pauseMillis = { first: 10, most: 500 }

/**
 * The same between two roles, the first of which ended soon: a disk may allow to open the lib and refuse all that follows.
 * A role that was `lasting` has shown that it works.
 */
const soonMillis = {
  caller: { first: 5, most: 500, lasting: 1000 },
  writer: { first: 100, most: 30_000, lasting: 30_000 }
}

/** What a process is until something ends it. */
type Role =
  | { readonly kind: "caller"; readonly connection: Connection }
  | { readonly kind: "writer"; readonly session: Session; readonly scope: Scope.Closeable; readonly desk: Desk }

export class Roles implements ServedSessions {
  readonly changesRole = true
  readonly requests: Requests
  readonly #opening: Omit<Opening, "mode">
  readonly #caller: Caller
  readonly #waitMillis: number
  readonly #context: Context.Context<Storage>
  readonly #now: () => number
  /** The reader, open from the first time that it is needed until the store closes: reads outlast a change of roles. */
  #reader: { readonly session: Session; readonly scope: Scope.Closeable } | undefined
  #current: Session | undefined
  #attempt: Deferred.Deferred<void> | undefined
  #isOver = false
  /** Number of roles one after the other that ended soon. */
  #short = 0

  constructor(
    opening: Omit<Opening, "mode">,
    caller: Caller,
    waitMillis: number,
    context: Context.Context<Storage>,
    clock: Clock.Clock
  ) {
    this.#opening = opening
    this.#caller = caller
    this.#waitMillis = waitMillis
    this.#context = context
    // The clock of the system may be set meanwhile.
    this.#now = () => Number(clock.monotonicTimeNanosUnsafe() / 1_000_000n)
    this.requests = new Requests(opening.location, this.#now)
  }

  get current(): Session {
    return this.#current!
  }

  get attempt(): Effect.Effect<void> | undefined {
    return this.#attempt === undefined ? undefined : Deferred.await(this.#attempt)
  }

  get reopensItself(): boolean {
    return !this.#isOver
  }

  /** A writer that has stopped is replaced by itself; this only waits for it. */
  readonly reopen: Effect.Effect<void> = Effect.suspend(() => this.attempt ?? Effect.void)

  /** Takes the first role. Fails if it gets no role in time, or if the lib cannot be opened at all. */
  readonly begin: Effect.Effect<Role, OpenSharedError> = Effect.suspend(() => {
    const started = this.#now()
    return this.#untilRole((why) => {
      const waited = this.#now() - started
      return typeof why !== "string"
        ? why
        : waited >= this.#waitMillis
          ? new WriterUnreachable({ location: this.#opening.location, why })
          : undefined
    })
  })

  /** Holds a role until it ends, then takes the next one, and so on. Never ends by itself. */
  hold(role: Role): Effect.Effect<never> {
    const taken = this.#now()
    let lost = taken
    const pause = Effect.suspend(() => {
      const { first, lasting, most } = soonMillis[role.kind]
      lost = this.#now()
      this.#short = lost - taken < lasting ? this.#short + 1 : 0
      if (this.#short === 0) return Effect.void
      // Calls that wait no longer than `waitMax` hear of it in time.
      return Effect.sleep(Math.min(first * 2 ** (this.#short - 1), most, this.#waitMillis))
    })
    const next = Effect.suspend(() =>
      this.#untilRole<never>((why) => {
        this.requests.expire(this.#waitMillis, typeof why === "string" ? why : why.message)
        if (this.#now() - lost >= this.#waitMillis) this.#endAttempt()
        return undefined
      })
    )
    return Effect.flatMap(Effect.andThen(Effect.andThen(this.#ended(role), pause), next), (other) => this.hold(other))
  }

  /** Ends the role that is held, and closes everything. */
  readonly close: Effect.Effect<void> = Effect.suspend(() => {
    this.#isOver = true
    this.requests.end()
    if (this.#attempt !== undefined) Deferred.doneUnsafe(this.#attempt, Exit.void)
    const closing = this.#closing
    this.#closing = Effect.void
    return Effect.andThen(
      closing,
      Effect.suspend(() => (this.#reader === undefined ? Effect.void : Scope.close(this.#reader.scope, Exit.void)))
    )
  })

  /** Ends the present role. */
  #closing: Effect.Effect<void> = Effect.void

  /** Waits until a role has ended, and cleans up after it. */
  #ended(role: Role): Effect.Effect<void> {
    if (role.kind === "caller") {
      return Effect.andThen(
        role.connection.ended,
        Effect.sync(() => this.#lose("the connection to the writer ended"))
      )
    }
    return Effect.andThen(
      role.session.handle.guard.stopped,
      Effect.uninterruptible(
        Effect.suspend(() => {
          const { guard, location } = role.session.handle
          this.#lose(`its writer stopped: ${guard.cause}`)
          this.#attempt = Deferred.makeUnsafe()
          guard.closeToReopen()
          const closing = this.#closing
          this.#closing = Effect.void
          const warning = `litetapes: ${location}: its writer stopped (${guard.cause}), so a process that shares the lib opens it again`
          const reading = Effect.ignore(Effect.map(this.#openReader, (session) => this.#show(session)))
          return Effect.andThen(Effect.logWarning(warning), Effect.andThen(closing, reading))
        })
      )
    )
  }

  /** There is no writer for the requests of this process now. */
  #lose(why: string): void {
    this.requests.aim(undefined)
    this.requests.expire(this.#waitMillis, why)
  }

  /** Lets the calls that wait for the next role meet the session that was lost, which refuses them. */
  #endAttempt(): void {
    const attempt = this.#attempt
    this.#attempt = undefined
    if (attempt !== undefined) Deferred.doneUnsafe(attempt, Exit.void)
  }

  /** Tries to take a role until it succeeds, or `whyEnd` returns an error. */
  #untilRole<E>(whyEnd: (why: string | OpenError | ReaderBusy) => E | undefined): Effect.Effect<Role, E> {
    const from = (pause: number): Effect.Effect<Role, E> =>
      Effect.flatMap(this.#tryRole, (role): Effect.Effect<Role, E> => {
        if (typeof role === "object" && "kind" in role) return Effect.succeed(role)
        const end = whyEnd(role)
        if (end !== undefined) return Effect.fail(end)
        const [random = 0] = Context.get(this.#context, Randomness)(1)
        const millis = pause * (0.5 + random / 255)
        return Effect.andThen(Effect.sleep(millis), from(Math.min(pause * 2, pauseMillis.most)))
      })
    return from(pauseMillis.first)
  }

  /** Takes a role if one can be had now, else returns why not. */
  readonly #tryRole: Effect.Effect<Role | string | OpenError | ReaderBusy> = Effect.uninterruptibleMask((restore) =>
    Effect.flatMap(
      restore(Effect.suspend(() => connectTo(this.#opening.location, this.#caller))),
      (connection): Effect.Effect<Role | string, OpenError | ReaderBusy> =>
        typeof connection === "string" ? this.#tryWriting(connection) : this.#tryCalling(connection)
    ).pipe(Effect.catch((error) => Effect.succeed(error)))
  )

  #tryCalling(connection: Connection): Effect.Effect<Role | string, OpenError | ReaderBusy> {
    const begin = Effect.map(this.#openReader, (session): Role | string => {
      const { lib, limits } = session.handle.meta.state
      if (connection.writer.lib !== lib) {
        connection.close()
        return `process ${connection.writer.pid} is the writer of another lib, ${connection.writer.lib}`
      }
      connection.begin(limits, (number, answer) => this.requests.answered(number, answer))
      this.#closing = Effect.sync(() => connection.close())
      this.#show(session)
      this.requests.aim((text) => connection.send(text))
      return { kind: "caller", connection }
    })
    return Effect.onError(begin, () => Effect.sync(() => connection.close()))
  }

  readonly #openReader: Effect.Effect<Session, OpenError | ReaderBusy> = Effect.suspend(() => {
    if (this.#reader !== undefined) return Effect.succeed(this.#reader.session)
    const scope = Scope.makeUnsafe()
    const { location, measures, options, settings } = this.#opening
    const opened = openSession(scope, {
      location,
      measures,
      settings,
      mode: "read",
      options: { ...options, create: "never" }
    })
    return Effect.provideContext(opened, this.#context).pipe(
      Effect.onError((cause) => Scope.close(scope, Exit.failCause(cause))),
      Effect.map((session) => {
        this.#reader = { session: { ...session, forwards: true }, scope }
        return this.#reader.session
      })
    )
  })

  /** Returns `whyNotCalling` if another process has the lock, but cannot be reached. */
  #tryWriting(whyNotCalling: string): Effect.Effect<Role | string, OpenError | ReaderBusy> {
    const scope = Scope.makeUnsafe()
    const opened = Effect.gen({ self: this }, function* () {
      const session = yield* this.#openWriter(scope)
      const desk = yield* Scope.provide(serveSocket(session, Context.omit()(this.#context)), scope)
      return { session, desk }
    })
    return opened.pipe(
      Effect.provideContext(this.#context),
      Effect.onError((cause) => Scope.close(scope, Exit.failCause(cause))),
      Effect.map(({ desk, session }): Role => {
        this.#closing = Scope.close(scope, Exit.void)
        this.#show(session)
        this.requests.aim((text, number) => this.#carryOut(desk, text, number))
        return { kind: "writer", session, scope, desk }
      }),
      Effect.catchIf(
        (error): error is LibLocked => error instanceof LibLocked,
        (error) => Effect.succeed(`${error.message.replace(/\.$/, "")}; ${whyNotCalling}`)
      )
    )
  }

  #openWriter(scope: Scope.Scope): Effect.Effect<Session, OpenError | ReaderBusy, Storage> {
    const opening = this.#opening
    if (this.#current === undefined) return openSession(scope, { ...opening, mode: "write" })
    const { journal, meta } = this.#current.handle
    const before = { lineage: lineageOf(meta.state), batch: journal.durable.batch }
    return openWriterSession(scope, opening, before)
  }

  /** Carries out a request of this process that was not answered before it became the writer. */
  #carryOut(desk: Desk, text: string, number: number): void {
    const call = readRequest(text)
    const unreadable = (what: string) =>
      this.requests.answered(number, { kind: "defect", message: `this process cannot read its own ${what}` })
    if (call === undefined) return unreadable("request")
    desk.request(this.#caller.caller, call, (rest) => {
      const read = readAnswer(`{"number":${number},${rest}`)
      if (read === undefined) return unreadable("answer")
      this.requests.answered(number, read.answer)
    })
  }

  #show(session: Session): void {
    const before = this.#current
    this.#current = session
    this.#endAttempt()
    if (before !== session) before?.handle.news.wake()
  }
}

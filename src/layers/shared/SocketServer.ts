/** The writer's end of the socket: takes requests from other processes, and sends them their answers. */
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as net from "node:net"
import type { StorageError } from "../../services/ports/Storage.ts"
import type { Session } from "../../services/Sessions.ts"
import { moved } from "./answerForms.ts"
import { Desk } from "./Desk.ts"
import { FrameReader, frameOf } from "./frames.ts"
import { readCaller, type Writer } from "./greetings.ts"
import { frameBytesMax } from "./limits.ts"
import { release } from "./release.ts"
import { readRequest } from "./requestForms.ts"
import { listenOn, removeSocket } from "./socketFile.ts"

/** Connections at the same time. */
const connectionsMax = 1024

/** Requests and bytes of one connection that are being carried out; above it, the socket is not read. */
const requestsMax = 4096
const bytesMax = 64 * 1024 * 1024

/** Answers that a process has not read yet, in bytes; above it, the socket is not read. */
const unreadBytesMax = 1024 * 1024

/** A connection that does not say who it is for so long is closed. */
const greetingMillisMax = 10_000

interface Served {
  readonly session: Session
  readonly desk: Desk
  readonly greeting: Writer
  isEnding: boolean
}

/**
 * Serves the socket of a lib whose writer this process is, until the scope closes. Then what was requested is answered
 * first.
 */
export const serveSocket = (
  session: Session,
  context: Context.Context<never>
): Effect.Effect<Desk, StorageError, Scope.Scope> =>
  Effect.suspend(() => {
    const { location, meta } = session.handle
    const desk = new Desk(session, context)
    const greeting: Writer = { litetapes: "writer", release, pid: process.pid, lib: meta.state.lib }
    const served: Served = { session, desk, greeting, isEnding: false }
    const connections = new Set<Connection>()
    const server = net.createServer({ pauseOnConnect: true }, (socket) => {
      const connection = new Connection(socket, served)
      connections.add(connection)
      socket.once("close", () => connections.delete(connection))
      socket.resume()
    })
    server.maxConnections = connectionsMax
    const listening = Effect.map(listenOn(server, location), (identity) => {
      // A process that has nothing else to do may end.
      server.unref()
      server.on("error", () => undefined)
      return identity
    })
    const end = (identity: string) =>
      Effect.gen(function* () {
        served.isEnding = true
        yield* removeSocket(location, identity)
        yield* Effect.sync(() => server.close())
        yield* desk.idle
        for (const connection of connections) connection.end()
      })
    return Effect.as(Effect.acquireRelease(listening, end), desk)
  })

/** A process that is connected. Whatever it sends, nothing but its own connection ends by it. */
class Connection {
  readonly #socket: net.Socket
  readonly #served: Served
  readonly #frames = new FrameReader()
  #caller: string | undefined
  #requests = 0
  #bytes = 0

  constructor(socket: net.Socket, served: Served) {
    this.#socket = socket
    this.#served = served
    socket.unref()
    socket.setTimeout(greetingMillisMax, () => socket.destroy())
    socket.on("error", () => socket.destroy())
    socket.on("drain", () => this.#pace())
    socket.on("data", (piece: Buffer) => this.#take(piece))
  }

  end(): void {
    this.#socket.end()
    // Whoever does not close its own end within this time is not waited for.
    this.#socket.setTimeout(greetingMillisMax)
  }

  #take(piece: Buffer): void {
    const texts = this.#frames.push(piece)
    if (texts === undefined || !texts.every((text) => this.#read(text))) this.#socket.destroy()
  }

  /** Returns whether it is what belongs here. */
  #read(text: string): boolean {
    if (this.#caller !== undefined) return this.#request(this.#caller, text)
    const caller = readCaller(text)
    if (caller === undefined) return false
    this.#socket.write(frameOf(JSON.stringify(this.#served.greeting)))
    // The other end sees by itself that it is of another release.
    if (caller.release !== release) {
      this.#socket.end()
      return true
    }
    this.#caller = caller.caller
    this.#socket.setTimeout(0)
    this.#frames.bytesMax = frameBytesMax(this.#served.session.handle.meta.limits)
    return true
  }

  #request(caller: string, text: string): boolean {
    const call = readRequest(text)
    if (call === undefined) return false
    const { desk, isEnding } = this.#served
    const answer = (rest: string): void => this.#send(`{"number":${call.number},${rest}`)
    if (isEnding) {
      answer(moved)
      return true
    }
    this.#requests++
    this.#bytes += text.length
    this.#pace()
    desk.request(caller, call, (rest) => {
      this.#requests--
      this.#bytes -= text.length
      answer(rest)
      this.#pace()
    })
    return true
  }

  /** Answers of one turn become one write. */
  #send(text: string): void {
    if (this.#socket.destroyed) return
    if (this.#socket.writableCorked === 0) {
      this.#socket.cork()
      setImmediate(() => this.#socket.uncork())
    }
    this.#socket.write(frameOf(text))
  }

  /** Stops to read a process that sends more than is carried out, or does not read its answers. */
  #pace(): void {
    const isBusy =
      this.#requests >= requestsMax || this.#bytes >= bytesMax || this.#socket.writableLength >= unreadBytesMax
    if (isBusy === this.#socket.isPaused()) return
    if (isBusy) this.#socket.pause()
    else this.#socket.resume()
  }
}

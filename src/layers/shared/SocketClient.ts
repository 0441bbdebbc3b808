/** The other end of the socket: a connection to the process of the writer. */
import * as Effect from "effect/Effect"
import * as net from "node:net"
import * as path from "node:path"
import type { Limits } from "../../domain/format/Limits.ts"
import { Signal } from "../../services/base/Signal.ts"
import { type Answer, readAnswer } from "./answerForms.ts"
import { FrameReader, frameOf } from "./frames.ts"
import { type Caller, readWriter, whyOtherRelease, type Writer } from "./greetings.ts"
import { frameBytesMax } from "./limits.ts"
import { socketFile, withShortName } from "./socketFile.ts"

/** How long a process may take to say that it is the writer. */
const greetingTime = "2 seconds"

/** A connection to a writer, after both ends have said who they are. */
export class Connection {
  readonly #socket: net.Socket
  readonly #frames: FrameReader
  readonly #changes = new Signal()
  readonly writer: Writer
  #onAnswer: ((number: number, answer: Answer) => void) | undefined

  constructor(socket: net.Socket, frames: FrameReader, writer: Writer) {
    this.#socket = socket
    this.#frames = frames
    this.writer = writer
    socket.on("close", () => this.#changes.wake())
  }

  /** Begins to send requests and to take answers. */
  begin(limits: Limits, onAnswer: (number: number, answer: Answer) => void): void {
    this.#frames.bytesMax = frameBytesMax(limits)
    this.#onAnswer = onAnswer
  }

  /** Sends a request. Those of one turn become one write. If the connection has ended, nobody gets it. */
  send(text: string): void {
    if (this.#socket.destroyed) return
    if (this.#socket.writableCorked === 0) {
      this.#socket.cork()
      process.nextTick(() => this.#socket.uncork())
    }
    this.#socket.write(frameOf(text))
  }

  /** Takes a frame. Returns whether it is an answer. */
  take(text: string): boolean {
    const read = readAnswer(text)
    if (read === undefined || this.#onAnswer === undefined) return false
    this.#onAnswer(read.number, read.answer)
    return true
  }

  /** Waits until the connection has ended, from whichever end. */
  readonly ended: Effect.Effect<void> = Effect.suspend(() => this.#changes.until(() => this.#socket.destroyed))

  close(): void {
    this.#socket.destroy()
  }
}

/** Connects to the writer of the lib in this folder. Returns why not if nobody answers, or not as a writer of this release. */
export const connectTo = (folder: string, caller: Caller): Effect.Effect<Connection | string> =>
  withShortName(folder, (short) => greet(path.join(short, socketFile), caller)).pipe(
    Effect.catch((error) => Effect.succeed(error.message)),
    Effect.raceFirst(Effect.as(Effect.sleep(greetingTime), "its process does not answer on the socket"))
  )

const greet = (at: string, caller: Caller): Effect.Effect<Connection | string> =>
  Effect.callback<Connection | string>((resume) => {
    const frames = new FrameReader()
    const socket = net.connect(at)
    let connection: Connection | undefined
    let why = "the connection was closed"
    const refuse = (): void => {
      socket.destroy()
    }
    socket.on("error", (cause: NodeJS.ErrnoException) => {
      why = `its socket cannot be connected to (${cause.code ?? cause.message})`
      socket.destroy()
    })
    socket.on("close", () => {
      if (connection === undefined) resume(Effect.succeed(why))
    })
    socket.on("connect", () => socket.write(frameOf(JSON.stringify(caller))))
    socket.on("data", (piece: Buffer) => {
      for (const text of frames.push(piece) ?? [""]) {
        if (connection !== undefined) {
          if (!connection.take(text)) refuse()
          continue
        }
        const writer = readWriter(text)
        why =
          writer === undefined
            ? "what listens on its socket is not a writer of this release"
            : (whyOtherRelease(caller.release, writer) ?? "")
        if (writer === undefined || why !== "") return refuse()
        socket.unref()
        connection = new Connection(socket, frames, writer)
        resume(Effect.succeed(connection))
      }
    })
    return Effect.sync(refuse)
  })

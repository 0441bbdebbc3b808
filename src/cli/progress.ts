/** Progress of what takes more than a second, on standard error if that is a terminal. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type { OnProgress, Progress } from "../services/Lib.ts"
import { Output } from "./Output.ts"
import { bytes, count, duration, percent } from "./text/units.ts"
import { cut } from "./text/width.ts"

/** Nothing is shown before. */
const quietMillis = 1000

/** Least time between two pictures. */
const pauseMillis = 100

/** Returns the line for a progress: share, rate and time left. */
export const progressLine = (label: string, { done, total }: Progress, millis: number, width: number): string => {
  const isBytes = total.bytes > 0
  const [part, whole] = isBytes ? [done.bytes, total.bytes] : [done.records, total.records]
  const perSecond = millis > 0 ? (part * 1000) / millis : 0
  const left = part > 0 && part < whole ? `, ${duration((millis * (whole - part)) / part)} left` : ""
  const rate = isBytes ? `${bytes(perSecond)}/s` : `${count(Math.round(perSecond))} records/s`
  const numbers = `${percent(part, whole)}  ${rate}${left}`
  const room = width - label.length - numbers.length - 6
  const filled = whole > 0 ? Math.floor((Math.min(room, 30) * Math.min(part, whole)) / whole) : 0
  const bar = room >= 10 ? `[${"#".repeat(filled)}${" ".repeat(Math.min(room, 30) - filled)}] ` : ""
  // The last column stays empty: a full line would make some terminals begin a new one.
  return cut(`${label} ${bar}${numbers}`, width - 1)
}

/** Runs an operation that reports its progress, which is shown after a second and removed at the end. */
export const withProgress = <A, E, R>(
  label: string,
  operation: (onProgress: OnProgress) => Effect.Effect<A, E, R>
): Effect.Effect<A, E, R | Output> =>
  Effect.gen(function* () {
    const output = yield* Output
    const began = yield* Clock.currentTimeMillis
    let shownAt = 0
    const onProgress: OnProgress = (progress) =>
      Effect.flatMap(Clock.currentTimeMillis, (now) => {
        const width = output.progressWidth()
        if (width === undefined || now - began < quietMillis || now - shownAt < pauseMillis) return Effect.void
        shownAt = now
        return output.note(`\r${progressLine(label, progress, now - began, width)}\u001b[K`)
      })
    const clear = Effect.suspend(() => (shownAt === 0 ? Effect.void : output.note("\r\u001b[K")))
    return yield* Effect.ensuring(operation(onProgress), clear)
  })

/** Runs a read of `total` records whose progress is counted here. */
export const counting = <A, E, R>(
  label: string,
  total: number,
  operation: (add: (records: number) => Effect.Effect<void>) => Effect.Effect<A, E, R>
): Effect.Effect<A, E, R | Output> =>
  withProgress(label, (onProgress) => {
    let done = 0
    return operation((records) => {
      done += records
      return onProgress({ done: { records: done, bytes: 0 }, total: { records: total, bytes: 0 } })
    })
  })

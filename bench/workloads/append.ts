/** W1 and W2: acknowledged appends, by one writer and by many writers at the same time. */
import type { Addressed, Store } from "../peers/peer.ts"
import { percentile } from "../statistics.ts"
import { newEvent } from "./events.ts"
import { streamName } from "./orderEvent.ts"
import type { Measured, Size } from "./workload.ts"

type AppendSize = Pick<Size, "appendMillis" | "warmupMillis">

/** Runs `writers` writers for the time that `size` gives. By default each writer has its own stream. */
export const appends = async (
  store: Pick<Store, "append" | "writers">,
  size: AppendSize,
  writers: number,
  streamOf: (writer: number, event: number) => string = streamName
): Promise<Measured> => {
  const clock = new Clock(size)
  const began = new Float64Array(writers)
  const next = (writer: number): Addressed | undefined => {
    const now = performance.now()
    if (now >= clock.end) return undefined
    began[writer] = now
    const i = clock.made++
    return { stream: streamOf(writer, i), event: newEvent(i) }
  }
  const acknowledged = (writer: number): void => clock.took(began[writer]!)
  const { writers: ownWay = promiseWriters(store) } = store
  await ownWay(writers, next, acknowledged)
  return clock.measured()
}

/** Runs one writer that passes an expected revision with each append. */
export const appendsExpected = async (store: Store, size: AppendSize): Promise<Measured> => {
  const clock = new Clock(size)
  for (let now = performance.now(); now < clock.end; now = performance.now()) {
    const i = clock.made++
    await store.appendExpected!(streamName(0), newEvent(i), i - 1)
    clock.took(now)
  }
  return clock.measured()
}

type Percentiles = [number, number, number]

/** Knows when the measurement ends, and how long each append took that started after the warm-up. */
class Clock {
  made = 0
  readonly #warm: number
  readonly end: number
  readonly #micros: Array<number> = []
  #last: number

  constructor({ warmupMillis, appendMillis }: AppendSize) {
    this.#warm = performance.now() + warmupMillis
    this.#last = this.#warm
    this.end = this.#warm + appendMillis
  }

  took(began: number): void {
    if (began < this.#warm) return
    this.#last = performance.now()
    this.#micros.push((this.#last - began) * 1000)
  }

  measured(): Measured {
    const events = this.#micros.length
    if (events === 0) throw new Error("no append was acknowledged in time")
    const opsPerSec = (events * 1000) / (this.#last - this.#warm)
    const [p50us, p99us, p999us] = [0.5, 0.99, 0.999].map((share) => percentile(this.#micros, share)) as Percentiles
    return { events, opsPerSec, p50us, p99us, p999us }
  }
}

const promiseWriters = (store: Pick<Store, "append">): NonNullable<Store["writers"]> => {
  return async (count, next, acknowledged) => {
    const writer = async (_: unknown, n: number): Promise<void> => {
      for (let asked = next(n); asked !== undefined; asked = next(n)) {
        await store.append(asked.stream, asked.event)
        acknowledged(n)
      }
    }
    await Promise.all(Array.from({ length: count }, writer))
  }
}

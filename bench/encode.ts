/**
 * Compares events a second on one core: `JSON.stringify`, which checks nothing and keeps the order of keys, and
 * `encode`, which refuses values that are not records and writes canonical text.
 *
 * `node bench/encode.ts [events] [rounds]`. Every round makes new events and runs each candidate on them, in a
 * different order each time; the medians are compared. `encode, as event store` does the work of an append, up to the
 * line in its batch.
 */
import { checkEngine } from "../scripts/engine.ts"
import * as Event from "../src/domain/event/Event.ts"
import { defaultLimits } from "../src/domain/format/Limits.ts"
import { encode, parseCanonical, toBytes } from "../src/domain/json/TaraSON.ts"
import { orderEvent, orderEventAsWritten } from "./workloads/orderEvent.ts"

checkEngine()
const events = Number(process.argv[2] ?? 20_000)
const rounds = Number(process.argv[3] ?? 31)

type Sorted = ReturnType<typeof orderEvent>

const batch = Buffer.alloc(64 * 1024)

/** Writes the event's line, and returns its bytes with the newline. */
const line = ({ $type, data, id, metadata, position, revision, stream, tags, time }: Sorted): number => {
  const event = { type: $type, data, metadata, tags }
  return Event.encode(stream, event, 0, () => id, time, defaultLimits).writeTo(batch, 0, position, revision)
}

const rates = new Map<string, Array<number>>()
let bytes = 0

const time = (name: string, count: number, run: () => number): void => {
  const start = process.hrtime.bigint()
  bytes += run()
  const seconds = Number(process.hrtime.bigint() - start) / 1e9
  const known = rates.get(name) ?? []
  known.push(count / seconds)
  rates.set(name, known)
}

const total = <A>(values: ReadonlyArray<A>, size: (value: A) => number): number => {
  let sum = 0
  for (const value of values) sum += size(value)
  return sum
}

for (let round = 0; round < rounds; round++) {
  const indices = Array.from({ length: events }, (_, index) => round * events + index)
  const sorted = indices.map(orderEvent)
  const written = indices.map(orderEventAsWritten)
  const lines = sorted.map((event) => toBytes(encode(event)))
  const average = total(lines, (line) => line.length + 1) / events
  if (average !== 317) throw new Error(`the event has ${average} bytes`)
  const candidates: ReadonlyArray<readonly [name: string, run: () => number]> = [
    ["JSON.stringify", () => total(sorted, (event) => JSON.stringify(event).length)],
    ["encode, keys in order", () => total(sorted, (event) => encode(event).length)],
    ["encode, keys as written", () => total(written, (event) => encode(event).length)],
    ["encode, as event store", () => total(sorted, line)],
    [
      "JSON.parse",
      () => total(lines, (line) => Object.keys(JSON.parse(Buffer.from(line).toString()) as object).length)
    ],
    ["parseCanonical", () => total(lines, (line) => Object.keys(parseCanonical(line)).length)]
  ]
  for (let turn = 0; turn < candidates.length; turn++) {
    const [name, run] = candidates[(turn + round) % candidates.length]!
    time(name, events, run)
  }
}

const median = (values: ReadonlyArray<number>): number => values.toSorted((a, b) => a - b)[values.length >> 1]!

const print = (name: string, base: string): void => {
  const rate = median(rates.get(name)!)
  console.log(
    `${name.padEnd(26)}${Math.round(rate).toString().padStart(10)} /s  ${(rate / median(rates.get(base)!)).toFixed(2)}`
  )
}

for (const name of rates.keys()) print(name, name.includes("arse") ? "JSON.parse" : "JSON.stringify")
console.log(`${bytes} units in all`)

/**
 * The order event that every benchmark stores: 317 bytes a line, made from its number and one seed. Its content is as
 * random as the data of a shop, so that a compressor does not profit from patterns of the benchmark.
 */

/** The seed of all randomness. */
export const seed = 20261122

/** Returns a whole number below 2^32 that looks random, always the same for the same `n`. */
export const mix = (n: number): number => {
  let x = (n ^ seed) >>> 0
  x = Math.imul(x ^ (x >>> 16), 0x85ebca6b)
  x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35)
  return (x ^ (x >>> 16)) >>> 0
}

export const digits = (value: number, length: number): string => String(value).padStart(length, "0")

export interface OrderData {
  readonly currency: string
  readonly customer: string
  readonly items: ReadonlyArray<{ readonly price: number; readonly quantity: number; readonly sku: string }>
  readonly total: number
}

/** Returns the data of order event `i`, with its keys in canonical order. */
export const orderData = (i: number): OrderData => {
  const a = mix(2 * i)
  const b = mix(2 * i + 1)
  return {
    currency: "EUR",
    customer: `c-${digits(a % 1000, 3)}`,
    items: [{ price: 1000 + (b % 9000), quantity: 1 + (a % 9), sku: `S-${digits(b % 100_000, 5)}` }],
    total: orderTotal(i)
  }
}

/** Returns the total of order event `i`. The sum of all totals shows that every event was parsed. */
export const orderTotal = (i: number): number => 1000 + (mix(2 * i) % 9000)

/** Returns the stream of event `i`, out of `streams` streams. Adjacent events are in different streams. */
export const streamNumber = (i: number, streams: number): number => (i * 7919) % streams

export const streamName = (n: number): string => `order-${digits(n, 6)}`

const hex = (value: number, length: number): string => value.toString(16).padStart(length, "0")

/** Returns an id that has the form of a UUIDv7, and is as hard to compress. */
const idOf = (i: number): string => {
  const [a, b, c] = [mix(3 * i + 1), mix(3 * i + 2), mix(3 * i + 3)]
  const last = `${hex(b >>> 16, 4)}${hex(c, 8)}`
  return `${hex(0x0198f3a2 + (i >>> 16), 8)}-${hex(i & 0xffff, 4)}-7${hex(a & 0xfff, 3)}-8${hex(b & 0xfff, 3)}-${last}`
}

const startMillis = Date.UTC(2026, 10, 22, 12)

/**
 * Returns event `i` of a store with 10,000 streams as a complete record, with its keys in canonical order.
 *
 * All fields except `position` and `revision` have the same length for every `i`. `correlationId` makes up for these
 * two, so each line has 317 bytes with its newline, for `i` below 10^8, and that is the average too.
 */
export const orderEvent = (i: number) => {
  const revision = Math.floor(i / 10_000)
  const correlationLength = 13 - String(i).length - String(revision).length
  return {
    $type: "OrderPlaced",
    data: orderData(i),
    id: idOf(i),
    metadata: { correlationId: digits(i % 10 ** correlationLength, correlationLength) },
    position: i,
    revision,
    stream: streamName(streamNumber(i, 10_000)),
    tags: [] as Array<string>,
    time: new Date(startMillis + i).toISOString()
  }
}

/** Returns the same event with its keys in the order in which a user would write them. */
export const orderEventAsWritten = (i: number) => {
  const { $type, data, id, metadata, position, revision, stream, tags, time } = orderEvent(i)
  const { currency, customer, items, total } = data
  const { price, quantity, sku } = items[0]!
  return {
    $type,
    id,
    stream,
    revision,
    position,
    time,
    tags,
    metadata,
    data: { customer, items: [{ sku, quantity, price }], total, currency }
  }
}

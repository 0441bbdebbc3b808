/** The order event that every benchmark stores: deterministic from its number, 317 bytes a line on average. */
import type { JsonObject } from "../src/domain/TaraSON.ts"

const digits = (value: number, length: number): string => String(value).padStart(length, "0")

const startMillis = Date.UTC(2026, 10, 22, 12)

/**
 * Event `i`, its keys in canonical order.
 *
 * All fields but `position` and `revision` keep their length whatever `i` is, and `correlationId` takes up what these
 * two leave: so each line has 317 bytes with its newline, for `i` below 10^8, and that is the average too.
 */
export const orderEvent = (i: number) => {
  const stream = `order-${digits((i * 7919) % 10_000, 6)}`
  const revision = Math.floor(i / 10_000)
  const correlationLength = 13 - String(i).length - String(revision).length
  return {
    $type: "OrderPlaced",
    data: {
      currency: "EUR",
      customer: `c-${digits(i % 1000, 3)}`,
      items: [{ price: 1000 + ((i * 31) % 9000), quantity: 1 + (i % 9), sku: `S-${digits(i % 100_000, 5)}` }],
      total: 1000 + ((i * 37) % 9000)
    },
    id: `0198f3a2-7c1b-7d3e-8a4f-${digits(i, 12)}`,
    metadata: { correlationId: digits(i % 10 ** correlationLength, correlationLength) },
    position: i,
    revision,
    stream,
    tags: [] as Array<string>,
    time: new Date(startMillis + i).toISOString()
  }
}

/** The same event with its keys as a user would write them. */
export const orderEventAsWritten = (i: number): JsonObject => {
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

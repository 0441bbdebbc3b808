/**
 * UUIDs: version 7 (RFC 9562 section 5.7) for everything that a lib names, others for the rest, and the one textual form
 * that is accepted.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9562#section-5.7
 */
import { invariant } from "./invariant.ts"

/**
 * Returns a generator of version 7 UUIDs that ascend as text: `next(nowMillis)`, with the Unix time in milliseconds.
 *
 * They also ascend within a millisecond, and while the clock stands still or steps back: the 42 bits after the time
 * (rand_a and the first 30 bits of rand_b) are a counter. It starts at a random value in every new millisecond and is
 * incremented by one (RFC 9562 section 6.2, method 1). If the clock steps back, it is ignored until it has caught up.
 * If the counter overflows, the time advances by one millisecond. The last 32 bits are random in each UUID.
 *
 * Do not use them as secrets: one UUID helps to guess its neighbours.
 *
 * @param randomBytes Returns `n` random bytes, which the generator keeps. It is called once for several thousand UUIDs.
 */
export const makeUuidV7 = (randomBytes: (n: number) => Uint8Array): ((nowMillis: number) => string) => {
  let pool = randomBytes(0)
  let used = 0
  let lastMillis = -1
  // The counter in two halves of 26 and 16 bits: usually only the lower one changes from one UUID to the next.
  let counterHigh = 0
  let counterLow = 0
  let prefix = ""

  const draw = (): number => {
    if (used === pool.length) {
      pool = randomBytes(poolBytes)
      invariant(pool.length === poolBytes, "randomBytes(n) returns n bytes")
      used = 0
    }
    return pool[used++]!
  }

  const begin = (millis: number): void => {
    invariant(millis <= millisMax, "the time of a UUID is less than 2^48 milliseconds")
    lastMillis = millis
    counterHigh = ((draw() & 0x03) << 24) | (draw() << 16) | (draw() << 8) | draw()
    counterLow = (draw() << 8) | draw()
    prefix = prefixOf(millis, counterHigh)
  }

  const count = (): void => {
    if (counterLow < 0xffff) {
      counterLow++
      return
    }
    counterLow = 0
    counterHigh++
    if (counterHigh > counterHighMax) begin(lastMillis + 1)
    else prefix = prefixOf(lastMillis, counterHigh)
  }

  return (nowMillis) => {
    const millis = Math.floor(nowMillis)
    invariant(millis >= 0, "the time of a UUID is not before 1970")
    if (millis > lastMillis) begin(millis)
    else count()
    return (
      prefix +
      hex[counterLow >>> 8]! +
      hex[counterLow & 0xff]! +
      hex[draw()]! +
      hex[draw()]! +
      hex[draw()]! +
      hex[draw()]!
    )
  }
}

/**
 * Returns the version 4 UUID of 16 random bytes, for names that need no order (RFC 9562 section 5.4).
 *
 * @see https://www.rfc-editor.org/rfc/rfc9562#section-5.4
 */
export const uuidV4 = (random: Uint8Array): string => uuidOf(random, 4)

/** Returns the UUID of this version whose other bits are those of `bytes`: the first 16 of them. */
export const uuidOf = (bytes: Uint8Array, version: 4 | 8): string => {
  const own = Buffer.from(bytes.subarray(0, 16))
  own[6] = (version << 4) | (own[6]! & 0x0f)
  own[8] = 0x80 | (own[8]! & 0x3f)
  const text = own.toString("hex")
  return [text.slice(0, 8), text.slice(8, 12), text.slice(12, 16), text.slice(16, 20), text.slice(20)].join("-")
}

/** Returns whether `text` is an RFC 9562 UUID (versions 1 to 8) in lower case, so that each UUID has one text. */
export const isUuid = (text: string): boolean =>
  /^[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/.test(text)

/** Returns whether `text` looks like a UUID of any version: 8-4-4-4-12 hexadecimal digits of either case. */
export const isUuidText = (text: string): boolean =>
  text.length === 36 && /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i.test(text)

const poolBytes = 16 * 1024
const millisMax = 2 ** 48 - 1
const counterHighMax = 2 ** 26 - 1

const hex = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"))

/** `tttttttt-tttt-7ccc-vccc-`: time, version, 12 bits of the counter, variant, 14 more bits of the counter. */
const prefixOf = (millis: number, counterHigh: number): string => {
  const time = millis.toString(16).padStart(12, "0")
  const a = (0x7000 | (counterHigh >>> 14)).toString(16)
  const b = (0x8000 | (counterHigh & 0x3fff)).toString(16)
  return `${time.slice(0, 8)}-${time.slice(8)}-${a}-${b}-`
}

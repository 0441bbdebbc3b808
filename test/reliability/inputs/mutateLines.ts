/** Changes of lines in segments and dynamic segments; hashes, metas and marks are recomputed. */
import type { Random } from "../random.ts"
import { compressAs } from "./frame.ts"
import type { Mutate } from "./mutateBytes.ts"
import * as Reseal from "./reseal.ts"
import { anyValue, changeOne, print } from "./values.ts"

/** Returns a line that no writer would write, to replace `line`. */
const hostileLine = (random: Random, line: Uint8Array): Uint8Array => {
  const text = Buffer.from(line).toString()
  switch (random.below(11)) {
    case 0:
      return Buffer.from(
        `{"$type":"LiteTape.Same","line":${random.pick(["0", "1", "-1", "1e3", "4294967296", "007", "0.5"])}}`
      )
    case 1:
      return Buffer.from(
        `{"$type":"${random.pick(["LiteTape.Foo", "LiteLib.Commit", "LiteTape.Same", "LiteLib.Header"])}"}`
      )
    case 2:
      return Buffer.from("[".repeat(random.pick([1, 200, 6000])))
    case 3:
      return Buffer.from(`{"a":${"[".repeat(200)}${"]".repeat(200)}}`)
    case 4:
      return Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), line])
    case 5:
      return Buffer.concat([
        line.subarray(0, line.length >> 1),
        Buffer.from([0xff, 0xfe]),
        line.subarray(line.length >> 1)
      ])
    case 6:
      return Buffer.from(text.replace("{", '{ "a":1,"a":2,'))
    case 7:
      return Buffer.from(print(anyValue(random)))
    case 8:
      return Buffer.from(`{"__proto__":{"a":1},"x":"${"y".repeat(random.pick([1, 70_000]))}"}`)
    case 9:
      return new Uint8Array(0)
    default:
      return Buffer.from(JSON.stringify(text))
  }
}

/** Changes a field of the record in a line, or the whole line. Returns a description. */
const changeLine = (random: Random, lines: Array<Uint8Array>, at: number): string => {
  const line = lines[at]!
  if (random.next() < 0.6) {
    const [record] = Reseal.readMeta(line)
    if (record !== undefined) {
      const said = changeOne(random, record)
      lines[at] = Buffer.from(print(record))
      return said
    }
  }
  lines[at] = hostileLine(random, line)
  return `is ${Buffer.from(lines[at]).toString("latin1").slice(0, 50)}`
}

/** Changes lines of a segment, compressed or not, and updates its meta. */
const segment: Mutate = (random, draft) => {
  const file = random.pick(Reseal.segmentsOf(draft))
  if (file === undefined) return undefined
  const raw = Reseal.rawOf(file, Reseal.bytesOf(draft, file))
  if (raw === undefined || raw.length === 0) return undefined
  const lines: Array<Uint8Array> = Reseal.splitLines(raw)
  const at = random.below(lines.length)
  let said: string
  switch (random.below(5)) {
    case 0:
      lines.splice(at, 1)
      said = "removed"
      break
    case 1:
      lines.splice(random.below(lines.length), 0, lines[at]!)
      said = "repeated"
      break
    case 2:
      lines.splice(random.below(lines.length), 0, ...lines.splice(at, 1))
      said = "moved"
      break
    default:
      said = changeLine(random, lines, at)
  }
  const joined = Reseal.joinLines(lines)
  const ended = random.next() < 0.95 ? joined : joined.subarray(0, -1)
  draft.set(file, compressAs(file, ended))
  Reseal.resealTape(draft, Reseal.folderOf(file))
  return `${file} line ${at + 1} ${said}${ended === joined ? "" : ", and no newline at the end"}`
}

/** Changes batches of dynamic segments: records, marks or headers. */
const dynamic: Mutate = (random, draft) => {
  const file = random.pick(Reseal.dynamicsOf(draft))
  if (file === undefined) return undefined
  const lines: Array<Uint8Array> = Reseal.splitLines(Reseal.bytesOf(draft, file))
  if (lines.length === 0) return undefined
  const marks = lines.flatMap((line, at) => (at === 0 || Buffer.from(line).includes('"LiteLib.Commit"') ? [at] : []))
  const at = random.next() < 0.5 ? random.pick(marks) : random.below(lines.length)
  let said: string
  if (random.next() < 0.15) {
    lines.splice(at, 1)
    said = "removed"
  } else if (random.next() < 0.1) {
    lines.splice(at, 0, lines[at]!)
    said = "repeated"
  } else said = changeLine(random, lines, at)
  draft.set(file, Reseal.joinLines(lines))
  Reseal.resealDynamics(draft)
  return `${file} line ${at + 1} ${said}`
}

export const lineMutations: Record<string, Mutate> = { segment, dynamic }

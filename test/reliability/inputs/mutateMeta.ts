/** Changes of meta; the hashes of the chain are recomputed. */
import type { Random } from "../random.ts"
import type { Mutate } from "./mutateBytes.ts"
import * as Reseal from "./reseal.ts"
import { changeOne, type Fields } from "./values.ts"

const sealFields = new Set(["hash", "previous"])

/** Changes one or two values in the records of a meta. */
const metaField: Mutate = (random, draft) => {
  const file = random.pick(Reseal.metasOf(draft))
  if (file === undefined) return undefined
  const records = Reseal.readMeta(Reseal.bytesOf(draft, file))
  if (records.length === 0) return undefined
  const said: Array<string> = []
  for (let changes = random.next() < 0.8 ? 1 : 2; changes > 0; changes--) {
    const line = random.below(records.length)
    const skip = random.next() < 0.97 ? sealFields : new Set<string>()
    said.push(`line ${line + 1}: ${crossed(random, records, line) ?? changeOne(random, records[line]!, skip)}`)
  }
  draft.set(file, Reseal.sealMeta(records))
  return `${file} ${said.join("; ")}`
}

/** Copies a value from another record of the same meta with the same key. Returns a description. */
const crossed = (random: Random, records: ReadonlyArray<Fields>, line: number): string | undefined => {
  if (random.next() > 0.2) return undefined
  const record = records[line]!
  const other = random.pick(records)
  const keys = Object.keys(record).filter((key) => key in other && !sealFields.has(key) && record[key] !== other[key])
  const key = random.pick(keys)
  if (key === undefined) return undefined
  record[key] = other[key]
  return `${key} is copied from another line`
}

const copyOf = (record: Fields): Fields => JSON.parse(JSON.stringify(record)) as Fields

/** Changes whole records of a meta: removes, repeats or moves them, takes one of another meta, or adds a fork. */
const metaLines: Mutate = (random, draft, others) => {
  const file = random.pick(Reseal.metasOf(draft))
  if (file === undefined) return undefined
  const records = Reseal.readMeta(Reseal.bytesOf(draft, file))
  if (records.length === 0) return undefined
  const at = random.below(records.length)
  const to = random.below(records.length + 1)
  const keep = new Set<Fields>()
  let said: string
  switch (random.below(6)) {
    case 0:
      records.splice(at, 1)
      said = `line ${at + 1} removed`
      break
    case 1:
      records.splice(to, 0, copyOf(records[at]!))
      said = `line ${at + 1} repeated as line ${to + 1}`
      break
    case 2:
      records.splice(Math.min(to, records.length - 1), 0, ...records.splice(at, 1))
      said = `line ${at + 1} moved to ${to + 1}`
      break
    case 3: {
      const from = random.next() < 0.5 ? draft : random.pick(others)
      const source = random.pick(Reseal.metasOf(from))
      const foreign = Reseal.readMeta(Reseal.bytesOf(from, source))
      if (foreign.length === 0) return undefined
      const taken = random.pick(foreign)
      records.splice(to, 0, copyOf(taken))
      said = `${String(taken["$type"])} of ${source} as line ${to + 1}`
      break
    }
    case 4: {
      // Sealed, but with a predecessor that another record has too: like the record of a second writer, or a ring.
      const fork = copyOf(records[at]!)
      changeOne(random, fork, sealFields)
      if (random.next() < 0.3) fork["previous"] = random.pick(records)["previous"]
      keep.add(fork)
      records.splice(to, 0, fork)
      said = `a fork of line ${at + 1} as line ${to + 1}`
      break
    }
    default: {
      const times = 2 + random.below(random.next() < 0.9 ? 5 : 300)
      for (let n = 0; n < times; n++) records.push(copyOf(records[at]!))
      said = `line ${at + 1} repeated ${times} times`
    }
  }
  draft.set(file, Reseal.sealMeta(records, keep))
  return `${file} ${said}`
}

export const metaMutations: Record<string, Mutate> = { metaField, metaLines }

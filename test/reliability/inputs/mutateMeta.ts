/** Metas that say something else, in chains whose hashes fit again. */
import type { Random } from "../random.ts"
import type { Mutate } from "./mutateBytes.ts"
import * as Reseal from "./reseal.ts"
import { changeOne, type Fields } from "./values.ts"

const sealFields = new Set(["hash", "previous"])

/** One value in one record of a meta, or two. */
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

/** The value that another record of the same meta has under the same key. */
const crossed = (random: Random, records: ReadonlyArray<Fields>, line: number): string | undefined => {
  if (random.next() > 0.2) return undefined
  const record = records[line]!
  const other = random.pick(records)
  const keys = Object.keys(record).filter((key) => key in other && !sealFields.has(key) && record[key] !== other[key])
  const key = random.pick(keys)
  if (key === undefined) return undefined
  record[key] = other[key]
  return `${key} is that of another line`
}

const copyOf = (record: Fields): Fields => JSON.parse(JSON.stringify(record)) as Fields

/** Whole records of a meta: gone, twice, elsewhere, from another meta, or following what others follow too. */
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
      said = `line ${at + 1} again as line ${to + 1}`
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
      // Sealed by itself, and named as successor by nobody: a second writer's word, or a ring.
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
      said = `line ${at + 1} ${times} times more`
    }
  }
  draft.set(file, Reseal.sealMeta(records, keep))
  return `${file} ${said}`
}

export const metaMutations: Record<string, Mutate> = { metaField, metaLines }

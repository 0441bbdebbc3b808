/**
 * The physical limit of each workload: what this machine can do with the same bytes and no store. All calls are
 * synchronous, the fastest way that Node offers to one writer.
 */
import { createHash } from "node:crypto"
import { closeSync, fdatasyncSync, fstatSync, openSync, readSync, writeSync } from "node:fs"
import { join } from "node:path"
import { constants, zstdCompressSync } from "node:zlib"
import { percentile } from "./statistics.ts"
import { sumOfTotals } from "./workloads/events.ts"
import { orderEvent, streamNumber } from "./workloads/orderEvent.ts"
import { dropPageCache, randomStreams } from "./workloads/read.ts"
import type { Job, Measured } from "./workloads/workload.ts"
import type { WorkloadId } from "./workloads/workloadId.ts"

const MiB = 1024 * 1024
const newline = 0x0a

const linesFile = ({ folder }: Job): string => join(folder, "events.jsonl")

const linesOf = (from: number, to: number): string => {
  let text = ""
  for (let i = from; i < to; i++) text += `${JSON.stringify(orderEvent(i))}\n`
  return text
}

/** Writes and syncs groups of events until `enough` returns `true`. */
const appendGroups = (job: Job, group: number, enough: (events: number, millis: number) => boolean): Measured => {
  const file = openSync(linesFile(job), "wx")
  const micros: Array<number> = []
  const start = performance.now()
  let position = 0
  let events = 0
  let now = start
  while (!enough(events, now - start)) {
    const bytes = Buffer.from(linesOf(events, events + group))
    position += writeSync(file, bytes, 0, bytes.length, position)
    fdatasyncSync(file)
    const before = now
    now = performance.now()
    micros.push((now - before) * 1000)
    events += group
  }
  closeSync(file)
  return {
    events,
    opsPerSec: (events * 1000) / (now - start),
    p50us: percentile(micros, 0.5),
    p99us: percentile(micros, 0.99),
    bytesPerEvent: position / events
  }
}

const appendLimit = (job: Job, group: number): Measured =>
  appendGroups(job, group, (_, millis) => millis >= job.size.appendMillis)

const bulkLimit = (job: Job): Measured => appendGroups(job, job.size.batch, (events) => events >= job.size.events)

/** Reads the file in blocks of whole lines and calls `each` for every block. Returns the size of the file. */
const eachBlock = (path: string, each: (lines: Buffer) => void): number => {
  const file = openSync(path, "r")
  const { size } = fstatSync(file)
  const buffer = Buffer.allocUnsafe(MiB)
  for (let at = 0; at < size;) {
    const read = readSync(file, buffer, 0, buffer.length, at)
    const end = buffer.lastIndexOf(newline, read - 1) + 1
    each(buffer.subarray(0, end))
    at += end
  }
  closeSync(file)
  return size
}

const replayLimit = (job: Job): Measured => {
  const start = performance.now()
  let events = 0
  let sum = 0
  eachBlock(linesFile(job), (block) => {
    const lines = block.toString("utf8").split("\n")
    lines.pop()
    for (const line of lines) {
      sum += (JSON.parse(line) as { data: { total: number } }).data.total
      events++
    }
  })
  const seconds = (performance.now() - start) / 1000
  if (sum !== sumOfTotals(events)) throw new Error("the events that were read have another sum")
  return { events, opsPerSec: events / seconds }
}

/** Returns the places of the lines of each stream. This is not part of the measured time. */
const placesByStream = (job: Job): Array<Array<readonly [at: number, length: number]>> => {
  const places = Array.from({ length: job.size.streams }, () => [] as Array<readonly [number, number]>)
  let at = 0
  let i = 0
  eachBlock(linesFile(job), (block) => {
    for (let start = 0; start < block.length;) {
      const end = block.indexOf(newline, start)
      places[streamNumber(i++, job.size.streams)]!.push([at + start, end - start])
      start = end + 1
    }
    at += block.length
  })
  return places
}

const readLimit = (job: Job): Measured => {
  const places = placesByStream(job)
  const file = openSync(linesFile(job), "r")
  const buffer = Buffer.allocUnsafe(4096)
  const micros: Array<number> = []
  const start = performance.now()
  let events = 0
  for (const stream of randomStreams(job.size.reads, job.size.streams)) {
    const before = performance.now()
    for (const [at, length] of places[stream]!) {
      readSync(file, buffer, 0, length, at)
      if ((JSON.parse(buffer.toString("utf8", 0, length)) as { data: { total: number } }).data.total >= 1000) events++
    }
    micros.push((performance.now() - before) * 1000)
  }
  const seconds = (performance.now() - start) / 1000
  closeSync(file)
  return {
    events,
    opsPerSec: job.size.reads / seconds,
    p50us: percentile(micros, 0.5),
    p99us: percentile(micros, 0.99)
  }
}

const openLimit = (job: Job): Measured => {
  const start = performance.now()
  const file = openSync(linesFile(job), "r")
  const { size } = fstatSync(file)
  const buffer = Buffer.allocUnsafe(4096)
  const read = readSync(file, buffer, 0, 4096, Math.max(0, size - 4096))
  const text = buffer.toString("utf8", 0, read - 1)
  JSON.parse(text.slice(text.lastIndexOf("\n") + 1))
  closeSync(file)
  const micros = (performance.now() - start) * 1000
  return { events: 1, opsPerSec: 1e6 / micros, p50us: micros }
}

const passLimit = (job: Job, pass: () => { readonly from: number; readonly to: number }): Measured => {
  const start = performance.now()
  const { from, to } = pass()
  const seconds = (performance.now() - start) / 1000
  const opsPerSec = job.loaded / seconds
  return { events: job.loaded, opsPerSec, mbPerSec: from / 1e6 / seconds, bytesPerEvent: to / job.loaded }
}

const hashFile = (job: Job): Measured =>
  passLimit(job, () => {
    const hash = createHash("sha256")
    const size = eachBlock(linesFile(job), (block) => hash.update(block))
    hash.digest()
    return { from: size, to: size }
  })

const hashLines = (job: Job): Measured =>
  passLimit(job, () => {
    const size = eachBlock(linesFile(job), (block) => {
      for (let start = 0; start < block.length;) {
        const end = block.indexOf(newline, start)
        createHash("sha256").update(block.subarray(start, end)).digest()
        start = end + 1
      }
    })
    return { from: size, to: size }
  })

const compressFile = (job: Job): Measured =>
  passLimit(job, () => {
    const file = openSync(`${linesFile(job)}.zst`, "w")
    const params = { [constants.ZSTD_c_compressionLevel]: 1, [constants.ZSTD_c_checksumFlag]: 1 }
    let to = 0
    const from = eachBlock(linesFile(job), (block) => {
      to += writeSync(file, zstdCompressSync(block, { params }))
    })
    fdatasyncSync(file)
    closeSync(file)
    return { from, to }
  })

/** The limits by workload. Those of W4 to W7 read the file that W3 wrote. */
export const limits: { readonly [id in WorkloadId]?: (job: Job) => Measured } = {
  W1: (job) => appendLimit(job, 1),
  W2: (job) => appendLimit(job, job.size.writers),
  W3: bulkLimit,
  "W3 adjacent": bulkLimit,
  W4: replayLimit,
  W5: readLimit,
  W6: openLimit,
  "W6 cold": (job) => {
    dropPageCache()
    return openLimit(job)
  },
  "W7 files": hashFile,
  "W7 verify": hashLines,
  "W7 repack": compressFile
}

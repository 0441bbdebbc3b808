/**
 * The acts that a run does to a lib, and how they are made.
 */
import { collidingTags } from "../../support/collidingTerms.ts"
import type { Placement } from "litetapes/Placement"
import type { Random } from "../random.ts"

/** Records for one tape. */
export interface Part {
  readonly tape: string
  readonly records: ReadonlyArray<string>
}

export type Act =
  | { readonly _tag: "create"; readonly tape: string }
  | { readonly _tag: "append"; readonly parts: ReadonlyArray<Part> }
  /** Concurrent appends. Each first yields to the others a few times. */
  | {
      readonly _tag: "together"
      readonly appends: ReadonlyArray<{ readonly parts: ReadonlyArray<Part>; readonly turns: number }>
    }
  /** Events, each append with the expected revision of its stream. */
  | { readonly _tag: "events"; readonly parts: ReadonlyArray<Part> }
  /** Answers the next event of a consumer: an event and a checkpoint in one append. Nothing if there is no next event. */
  | { readonly _tag: "answer"; readonly record: string }
  /** A checkpoint alone: a consumer counts all events as done. Nothing if they are. */
  | { readonly _tag: "count" }
  | { readonly _tag: "flush"; readonly tape: string }
  | { readonly _tag: "archive"; readonly tape: string }
  | { readonly _tag: "activate"; readonly tape: string }
  | { readonly _tag: "user"; readonly tape: string; readonly value: number }
  | { readonly _tag: "repack"; readonly tape: string; readonly how: Repack }
  | { readonly _tag: "clone"; readonly tape: string; readonly as: string }
  /** The lib is copied to another place. */
  | { readonly _tag: "copyLib"; readonly to: string; readonly placement: Placement }
  /** The tape loses its meta while the lib is not open, and is recovered. */
  | { readonly _tag: "recover"; readonly tape: string; readonly end: "close" | "kill" }
  /** A segment of the tape is damaged while the lib is not open, and the tape is salvaged. */
  | { readonly _tag: "salvage"; readonly tape: string; readonly end: "close" | "kill" }
  /** The lib loses its meta, and is recovered. */
  | { readonly _tag: "recoverLib"; readonly end: "close" | "kill" }
  /**
   * The lib is closed, and opened so that small segments are merged: in the background once another tape fills a dynamic
   * segment, and at the next clean close. Then the tape gets some.
   */
  | {
      readonly _tag: "merge"
      readonly tape: string
      readonly segments: ReadonlyArray<ReadonlyArray<string>>
      /** Records of the other tape that make the writer close a dynamic segment; none for no merge in the background. */
      readonly fillers: ReadonlyArray<string>
    }
  /** Backs the lib up, over the backup before it, while these records are appended. */
  | { readonly _tag: "backup"; readonly parts: ReadonlyArray<Part> }
  /** Restores the last backup to a new place. */
  | { readonly _tag: "restore" }
  /** Waits until background work has finished. */
  | { readonly _tag: "settle" }
  | { readonly _tag: "reopen"; readonly end: "close" | "kill" | "power" }
  /**
   * The kernel drops the writer's lock. Another writer opens the lib after `turns` turns, while the first one does an act
   * after `late` turns.
   */
  | { readonly _tag: "overtake"; readonly act: Act; readonly late: number; readonly turns: number }
  /** The lib is closed, and its files are copied by hand: nothing of the copy is durable. The run continues with it. */
  | { readonly _tag: "copied" }
  /**
   * An act that a crash cuts short. `at` is the share of its steps, or of its syncs, that come before the crash (0 ≤ at
   * < 1). The run continues with the disk that the crash left.
   */
  | {
      readonly _tag: "cut"
      readonly act: Act
      readonly at: number
      readonly inSync: boolean
      readonly end: "kill" | "power"
    }

export interface Repack {
  readonly targetBytes: number
  readonly compression: "none" | "gzip" | "zstd"
  readonly dedup: boolean
  readonly shardEvery: number
}

export const tapes = ["a", "b"] as const

/** The tape of the events that a run appends: the one that streams without a category share, and a category of that name. */
export const category = "events"

/** Two streams on that tape: one of its category, and one that is named by a UUID. */
export const streams = ["events-0", "0f1e2d3c-4b5a-4978-8796-a5b4c3d2e1f0"] as const

/** Tags of the events of a run: of every event one of two that share a hash, and sometimes one more. */
export const tagsOf = (text: string): ReadonlyArray<string> => {
  const number = Number.parseInt(text, 10)
  return [collidingTags[number % 2]!, ...(number % 3 === 0 ? ["third"] : [])]
}

/** Kinds of acts. Each is small and may come anywhere in a run. */
export const kinds = [
  "append",
  "appendAll",
  "together",
  "roll",
  "events",
  "flush",
  "close",
  "kill",
  "power",
  "cut",
  "repack",
  "merge",
  "clone",
  "recover",
  "recoverLib",
  "archive",
  "user",
  "create",
  "overtake",
  "copied",
  "copyLib",
  "salvage",
  "backup",
  "restore",
  "answer",
  "count"
] as const

/** Kinds of acts that can be cut short: they have more than one step and leave the lib open. */
const cuttable = [
  "append",
  "appendAll",
  "roll",
  "events",
  "flush",
  "repack",
  "clone",
  "user",
  "archive",
  "create",
  "copyLib",
  "backup",
  "restore",
  "answer",
  "count"
] as const

/** A kind of act. `cut` cuts an act of a random kind short, `cut append` an append. */
export type Kind = (typeof kinds)[number] | "beside" | `${"cut" | "overtake"} ${(typeof cuttable)[number]}`

/** Makes acts of given kinds. All records differ, and names are new if the act needs a new name. */
export class ActMaker {
  #records = 0
  #clones = 0
  readonly #random: Random

  constructor(random: Random) {
    this.#random = random
  }

  #some(count: number, bytes: number): ReadonlyArray<string> {
    return Array.from({ length: count }, () => {
      this.#records += 1
      return `${this.#records}${"x".repeat(bytes)}`
    })
  }

  make(kind: Kind): Act {
    const [around, inner = this.#random.pick(cuttable)] = kind.split(" ") as [string, Kind?]
    if (around === "cut") return this.#cut(inner)
    return around === "overtake" ? this.#overtake(inner) : this.#one(kind)
  }

  #one(kind: Kind): Act {
    const random = this.#random
    const tape = random.pick(tapes)
    switch (kind) {
      case "append":
        return { _tag: "append", parts: [{ tape, records: this.#some(1 + random.below(3), random.below(300)) }] }
      case "appendAll":
        return { _tag: "append", parts: tapes.map((one) => ({ tape: one, records: this.#some(1, random.below(200)) })) }
      case "together":
        return {
          _tag: "together",
          appends: Array.from({ length: 2 + random.below(2) }, (_, n) => ({
            parts: [{ tape: random.pick(tapes), records: this.#some(1, random.pick([0, 0, 100, 600])) }],
            turns: n === 0 ? 0 : random.below(8)
          }))
        }
      case "beside":
        return this.#beside()
      case "roll":
        return { _tag: "append", parts: [{ tape, records: [...this.#some(1, 300), ...this.#some(1, 1500)] }] }
      case "events":
        return { _tag: "events", parts: [{ tape: category, records: this.#some(1 + random.below(2), 10) }] }
      case "answer":
        return { _tag: "answer", record: this.#some(1, 10)[0]! }
      case "count":
        return { _tag: "count" }
      case "close":
      case "kill":
      case "power":
        return { _tag: "reopen", end: kind }
      case "repack":
        return { _tag: "repack", tape: random.pick([...tapes, category]), how: this.#repack() }
      case "merge":
        return this.#merge(tape)
      case "clone":
        return { _tag: "clone", tape, as: `copy${(this.#clones += 1)}` }
      case "copyLib":
        return {
          _tag: "copyLib",
          to: `/copy${(this.#clones += 1)}`,
          placement: { kind: random.pick(["category-or-shared", "single"]) }
        }
      case "user":
        return { _tag: "user", tape, value: (this.#records += 1) }
      case "backup":
        return { _tag: "backup", parts: random.next() < 0.5 ? [] : [{ tape, records: this.#some(1, 200) }] }
      case "restore":
        return { _tag: "restore" }
      case "archive":
        return { _tag: random.next() < 0.6 ? "archive" : "activate", tape }
      case "recover":
        return { _tag: "recover", tape: random.pick([...tapes, category]), end: random.pick(["close", "kill"]) }
      case "copied":
        return { _tag: "copied" }
      case "salvage":
        return { _tag: "salvage", tape, end: random.pick(["close", "kill"]) }
      case "recoverLib":
        return { _tag: "recoverLib", end: random.pick(["close", "kill"]) }
      case "flush":
        return { _tag: "flush", tape: random.pick([...tapes, category]) }
      default:
        return { _tag: "create", tape }
    }
  }

  #beside(): Act {
    const random = this.#random
    // The queue is so large that the first append is acknowledged during the sync of the next batch (decision
    // 0029).
    return {
      _tag: "together",
      appends: Array.from({ length: 3 }, (_, n) => ({
        parts: [{ tape: random.pick(tapes), records: this.#some(1, n === 0 ? 10 : 33_000) }],
        turns: n === 0 ? 0 : random.below(3)
      }))
    }
  }

  #cut(kind: Kind): Act {
    const random = this.#random
    const end = random.pick(["kill", "kill", "power"] as const)
    // The decisive steps come late.
    const at = Math.max(random.next(), random.next())
    return { _tag: "cut", act: this.make(kind), at, inSync: random.next() < 0.5, end }
  }

  #overtake(kind: Kind): Act {
    const random = this.#random
    return { _tag: "overtake", act: this.make(kind), late: random.below(12), turns: random.below(12) }
  }

  #merge(tape: string): Act {
    // Equal sizes, so that four segments are due.
    const bytes = this.#random.below(60)
    return {
      _tag: "merge",
      tape,
      segments: Array.from({ length: 4 }, () => this.#some(1, bytes)),
      fillers: this.#random.next() < 0.5 ? [...this.#some(1, 33_000), ...this.#some(1, 0)] : []
    }
  }

  #repack(): Repack {
    const random = this.#random
    return {
      targetBytes: random.pick([1, 300, 5000]),
      compression: random.pick(["none", "none", "gzip", "zstd"]),
      dedup: random.next() < 0.3,
      shardEvery: random.pick([0, 0, 2])
    }
  }
}

/** Returns the sequence of `length` kinds with that number; the first kind is the least significant digit. */
export const sequence = (number: number, length: number): ReadonlyArray<Kind> => {
  let left = number
  return Array.from({ length }, () => {
    const kind = kinds[left % kinds.length]!
    left = Math.floor(left / kinds.length)
    return kind
  })
}

/**
 * The oracle: decides whether a damaged lib answered correctly. It must return exactly the records that were there, or
 * a typed error that names a damaged file and a byte at or before the damage. Without a hint, batches at the end of the
 * last dynamic segment may be missing, because they may never have been acknowledged.
 */
import type { Answer, Failure } from "./answer.ts"
import type { Look } from "./look.ts"
import { classOf, type Range } from "./damages.ts"
import type { Target } from "./states.ts"
import type { Truth } from "./truth.ts"

export interface Verdict {
  /** What the damage led to, for the figures. */
  readonly outcome: string
  /** Broken promises, in words. */
  readonly faults: ReadonlyArray<string>
  /** Wrong, missing or reordered records were returned without an error. */
  readonly isSilent: boolean
}

/** The damaged range of each damaged file. */
export type Touched = ReadonlyMap<string, Range>

/** Returns whether the file is authoritative: neither derived (index, hint) nor unlisted. */
const isCanonical = (target: Target, file: string): boolean =>
  target.image.has(`/lib/${file}`) && ["lib meta", "tape meta", "segment", "dynamic"].includes(classOf(file))

class Judge {
  readonly faults: Array<string> = []
  isSilent = false
  readonly #target: Target
  readonly #touched: Touched
  readonly #look: Look

  constructor(target: Target, touched: Touched, seen: Look) {
    this.#target = target
    this.#touched = touched
    this.#look = seen
  }

  get verdict(): Verdict {
    return { outcome: this.#outcome(), faults: this.faults, isSilent: this.isSilent }
  }

  #outcome(): string {
    const { answers, batch, refused, report } = this.#look
    if (refused !== undefined) return `refused, ${refused.error?._tag}`
    const failed = answers.find(({ failure }) => failure !== undefined)
    if (failed !== undefined) return `refused in part, ${failed.failure!.error?._tag}`
    if (batch < this.#target.truth.batch) {
      if (this.#look.mode === "read") return "unproven end not shown"
      return report?.tailDiscarded === undefined ? "unproven end cut at the end of a batch" : "unproven end discarded"
    }
    return `harmless, ${this.#whyHarmless()}`
  }

  #whyHarmless(): string {
    const canonical = [...this.#touched.keys()].filter((file) => isCanonical(this.#target, file))
    const classes = new Set(canonical.map(classOf))
    if (classes.has("lib meta")) return "torn end of lib meta"
    if (classes.has("dynamic")) return "after the last batch"
    if (classes.has("segment")) return "reads do not need it, verify names it"
    const [first] = this.#touched.keys()
    return this.#target.image.has(`/lib/${first}`) ? `${classOf(first!)} is derived` : "a file that nothing lists"
  }

  /** Checks every answer. */
  all(): this {
    const { answers, refused } = this.#look
    if (refused !== undefined) {
      this.#checkFailure("open", refused)
      if (![...this.#touched.keys()].some((file) => this.#mayRefuse(file))) {
        this.faults.push(`open failed, although nothing that it needs is damaged: ${refused.text}`)
      }
      return this
    }
    const missing = this.#target.truth.batch - this.#look.batch
    this.#checkEnd(missing)
    for (const answer of answers) this.#checkAnswer(answer, missing)
    this.#checkTapes()
    this.#checkVerified()
    return this
  }

  /**
   * Returns whether damage to the file may make opening fail. An unlisted dynamic segment may: perhaps lib meta lost
   * its end.
   */
  #mayRefuse(file: string): boolean {
    return isCanonical(this.#target, file) || classOf(file) === "dynamic"
  }

  /** Checks that the missing batches may be missing. */
  #checkEnd(missing: number): void {
    const { batches } = this.#target.truth
    if (missing === 0) return
    const hint = "litelib.acked"
    const isHinted = this.#target.image.has(`/lib/${hint}`) && !this.#touched.has(hint)
    const isTouched = [...this.#touched.keys()].some((file) => classOf(file) === "dynamic")
    if (missing > 0 && missing <= batches.length && isTouched && !isHinted) return
    this.isSilent = true
    this.faults.push(
      `${missing} batches are missing${isHinted ? ", although the hint shows that they were acknowledged" : ""}`
    )
  }

  #checkAnswer(answer: Answer, missing: number): void {
    const { failure, got, way } = answer
    const expected = expectedOf(this.#target.truth, answer, missing)
    const wrong = got.findIndex((text, at) => text !== expected[at])
    const isShort = failure === undefined && got.length < expected.length
    if (wrong !== -1 || isShort) {
      this.isSilent = true
      const what = wrong === -1 ? `${got.length} instead of ${expected.length}` : `${got[wrong]} at ${wrong}`
      this.faults.push(`${way} returned ${what}`)
    }
    if (failure === undefined) return
    this.#checkFailure(way, failure)
    if (![...this.#touched.keys()].some((file) => this.#concerns(file, answer))) {
      this.faults.push(`${way} failed, although nothing that it needs is damaged: ${failure.text}`)
    }
  }

  /** Returns whether an answer depends on a file. */
  #concerns(file: string, { segment, stream, tape }: Answer): boolean {
    if (!isCanonical(this.#target, file)) return false
    const kind = classOf(file)
    if (kind === "lib meta" || kind === "dynamic") return true
    const { streams, tapes } = this.#target.truth
    const name = tape ?? (stream === undefined ? undefined : streams.get(stream)!.tape)
    if (name === undefined) return tapes.get(file.slice(0, file.indexOf("/")))?.role === "events"
    if (!file.startsWith(`${name}/`)) return false
    if (kind === "tape meta" || segment === undefined) return true
    return tapes.get(name)!.segments.find(({ number }) => number === segment)!.name === file
  }

  #checkTapes(): void {
    const { report, tapes } = this.#look
    if (this.#touched.has("litelib.meta.jsonl")) {
      // A torn last record is dropped; a writer reports it.
      if (this.#look.mode === "read" || report?.metaTailDropped === true) return
    }
    const shown = tapes.map(({ name, state }) => `${name} ${state}`).join()
    const expected = [...this.#target.truth.tapes.values()]
      .map(({ isArchived, name }) => `${name} ${isArchived ? "archived" : "active"}`)
      .toSorted()
      .join()
    if (shown !== expected) this.faults.push(`the tapes are ${shown}, not ${expected}`)
  }

  #checkVerified(): void {
    const { batch, verified } = this.#look
    if (verified === undefined) return
    const named = new Set(verified.bad.map(({ file }) => file))
    const { truth } = this.#target
    for (const file of this.#touched.keys()) {
      const kind = classOf(file)
      // A tail that was dropped as torn is no longer part of the lib.
      const isDropped = kind === "lib meta" || (kind === "dynamic" && (batch <= truth.batch || verified.ok))
      // If the meta of a tape is bad, the files of the tape are unknown.
      const isUnknown = kind === "segment" && named.has(`${file.slice(0, file.indexOf("/"))}/tape.meta.jsonl`)
      if (isCanonical(this.#target, file) && !isDropped && !isUnknown && !named.has(file)) {
        this.faults.push(`verify does not name ${file}`)
      }
    }
    for (const { file, offset, why } of verified.bad) {
      const at = this.#touched.get(file)?.last
      if (why.includes("batches were lost")) continue
      if (at === undefined) this.faults.push(`verify names ${file}, which is not damaged: ${why}`)
      else if (offset > at) this.faults.push(`verify names byte ${offset} of ${file}, which is damaged at ${at}`)
    }
  }

  #checkFailure(way: string, failure: Failure): void {
    const fault = checkFailure(failure, this.#touched)
    if (fault !== undefined) this.faults.push(`${way} ${fault}`)
  }
}

/** Returns what is wrong with an error. It must be typed and name a damaged file and a byte at or before the damage. */
export const checkFailure = ({ error, text }: Failure, touched: Touched): string | undefined => {
  if (error === undefined) return `died: ${text}`
  const { file, offset } = placeOf(error)
  const at = file === undefined ? undefined : touched.get(file)?.last
  if (at !== undefined && offset !== undefined) {
    return offset <= at ? undefined : `names byte ${offset} of ${file}, which is damaged at ${at}: ${text}`
  }
  if (at !== undefined) return isWhole(error._tag) ? undefined : `names no byte: ${text}`
  // Without the hint, only the meta of a tape may show that a batch existed.
  if (error._tag === "TapeInvalid" && error.message.includes("batches were lost")) return undefined
  const names = [...touched.keys()]
  // The lost batches came after the last batch that is left: in that file or in a later one.
  if (error._tag === "AckedDataLost" && names.some((one) => follows(one, file!))) return undefined
  return names.some((one) => error.message.includes(one)) ? undefined : `names no damaged file: ${text}`
}

const follows = (file: string, before: string): boolean =>
  classOf(file) === "dynamic" && classOf(before) === "dynamic" && file > before

/** Returns whether an error concerns a file as a whole: it is missing, or it is a different file. */
const isWhole = (tag: string): boolean =>
  ["SegmentMissing", "TapeInvalid", "IdentityMismatch", "StorageError"].includes(tag)

/** Returns the file and the byte that an error names. */
const placeOf = (error: object): { readonly file: string | undefined; readonly offset: number | undefined } => {
  const named = error as { readonly [field: string]: unknown }
  const { file, meta, offset, segment, tape } = named
  const dynamic = typeof segment === "string" && segment.startsWith("litelib.")
  const found =
    file ?? meta ?? (dynamic ? segment : segment === undefined ? undefined : `${String(tape)}/${String(segment)}`)
  const byTape = typeof tape === "string" ? `${tape}/tape.meta.jsonl` : undefined
  return {
    file: typeof found === "string" ? found : byTape,
    offset: typeof offset === "number" ? offset : undefined
  }
}

/** Returns the expected answer if the last `missing` batches are gone. */
const expectedOf = (truth: Truth, answer: Answer, missing: number): ReadonlyArray<string> => {
  const gone = (tape: string) =>
    truth.batches.slice(0, Math.max(0, missing)).reduce((sum, batch) => sum + (batch.get(tape) ?? 0), 0)
  const goneEvents = [...truth.tapes.values()].reduce(
    (sum, { name, role }) => sum + (role === "events" ? gone(name) : 0),
    0
  )
  const events = truth.events.slice(0, truth.events.length - goneEvents)
  const expected = () => {
    if (answer.expected === "append") return []
    if (answer.expected === "all") return events
    if (answer.stream !== undefined) {
      const shown = new Set(events)
      const stream = truth.streams.get(answer.stream)!.events.filter((event) => shown.has(event))
      if (answer.expected === "stream") return stream
      // The lost events are unknown: the repeat, and the event appended before it, get the next revisions.
      if (answer.expected === "repeat") return [stream.length === 0 ? "1" : "0"]
      return [stream.length === 0 ? '"no-stream"' : `${stream.length - 1}`]
    }
    const { lines, segments } = truth.tapes.get(answer.tape!)!
    if (answer.expected === "records") return lines.slice(0, lines.length - gone(answer.tape!))
    const segment = segments.find(({ number }) => number === answer.segment)!
    return lines.slice(segment.from, segment.to)
  }
  return answer.reverse === true ? expected().toReversed() : expected()
}

export const judge = (target: Target, touched: Touched, seen: Look): Verdict =>
  new Judge(target, touched, seen).all().verdict

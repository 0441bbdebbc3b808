/**
 * Snapshots: states of aggregates in derived files, so that a state need not be folded from the first event on. Nothing
 * relies on them. One that is missing, damaged, or of another decider, version, lib or history is ignored, and written
 * again.
 *
 * A file has two lines: the SHA-256 of the second one in hexadecimal digits, and a JSON object.
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Equal from "effect/Equal"
import { createHash } from "node:crypto"
import { isDeepStrictEqual } from "node:util"
import { is } from "../../domain/base/readShape.ts"
import * as Shape from "../../domain/base/Shape.ts"
import { parseJson } from "../../domain/json/strictDecode.ts"
import type { Place } from "../../domain/meta/LibHistory.ts"
import { isSameForm } from "../category/isSameForm.ts"
import type { DerivedFiles, DerivedKey } from "../ports/Storage.ts"

/** A larger state is not written. */
const bytesMax = 16 * 1024 * 1024

/** The last event in a state. */
export interface LastEvent extends Place {
  readonly revision: number
  readonly id: string
}

/** A state that was read, and the event that it ends with. */
export interface Snapshot extends LastEvent {
  readonly state: unknown
}

const count = Shape.Int.check(Shape.isGreaterThanOrEqualTo(0))

const isHead = is(
  Shape.Struct({
    decider: Shape.String,
    version: count,
    types: Shape.Array(Shape.Tuple([Shape.String, Shape.String])),
    stream: Shape.String,
    lib: Shape.String,
    lineage: Shape.String,
    revision: count,
    position: count,
    id: Shape.String
  })
)

const lossy =
  "its state would be read back as another one. Declare all of its fields in the schema, snapshot.state, and keep nothing in it that the schema does not keep"

/** Values of Effect, such as a `HashMap`, may be equal although they are built differently. */
const isSameState = (a: unknown, b: unknown): boolean =>
  isDeepStrictEqual(a, b) || (Equal.equals(a, b) && isSameForm(a, b))

const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex")

/** Converts states to JSON values and back. */
interface StateCodec {
  readonly encode: (state: unknown) => Result.Result<unknown, { readonly message: string }>
  readonly decode: (json: unknown) => Result.Result<unknown, { readonly message: string }>
}

/**
 * The names and versions in which events of each type may be stored, by type. If those of a type have changed, its events may be read
 * as other ones than those that a state was folded from.
 */
export type StoredTypes = ReadonlyMap<string, string>

/** Returns them for what `storedTypes` of a category returns. */
export const typesOf = (
  stored: ReadonlyArray<{ readonly name: string; readonly type: string; readonly version: number }>
): StoredTypes => {
  const types = new Map<string, Array<string>>()
  for (const { name, type, version } of stored) {
    const known = types.get(type)
    if (known === undefined) types.set(type, [`${name} ${version}`])
    else known.push(`${name} ${version}`)
  }
  return new Map([...types].map(([type, names]) => [type, names.toSorted().join()]))
}

/** The snapshots of one decider. */
export class Snapshots {
  readonly #decider: string
  readonly #version: number
  readonly #types: StoredTypes
  readonly #codec: StateCodec

  constructor(decider: string, version: number, types: StoredTypes, codec: StateCodec) {
    this.#decider = decider
    this.#version = version
    this.#types = types
    this.#codec = codec
  }

  #key(stream: string): DerivedKey {
    // A stream name has no newline. A new version replaces the file of the one before it.
    return { tape: undefined, kind: "snapshot", name: `${sha256(`${stream}\n${this.#decider}`)}.json` }
  }

  /** Returns the snapshot of a stream if there is one that can be read. Whether its event is in the lib is not checked. */
  read(derived: DerivedFiles, stream: string): Effect.Effect<Snapshot | undefined> {
    return Effect.match(derived.get(this.#key(stream), bytesMax), {
      onFailure: () => undefined,
      onSuccess: (bytes) => (bytes === undefined ? undefined : this.#decode(stream, bytes))
    })
  }

  #decode(stream: string, bytes: Uint8Array): Snapshot | undefined {
    const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("utf8")
    const body = text.slice(65, -1)
    if (text !== `${sha256(body)}\n${body}\n`) return undefined
    const given = parsed(body)
    if (!isHead(given)) return undefined
    const { decider, id, lib, lineage, position, revision, stream: of, types, version } = given
    if (decider !== this.#decider || version !== this.#version || of !== stream) return undefined
    // Types that were added since are in no event of the state.
    if (types.some(([type, names]) => this.#types.get(type) !== names)) return undefined
    const state = this.#codec.decode((given as { readonly state?: unknown }).state)
    return Result.isFailure(state) ? undefined : { lib, lineage, position, revision, id, state: state.success }
  }

  /** Writes a snapshot. If that fails it warns: the state is folded from its events then. */
  write(derived: DerivedFiles, stream: string, { id, lib, lineage, position, revision }: LastEvent, state: unknown) {
    return Effect.suspend(() => {
      const encoded = this.#codec.encode(state)
      if (Result.isFailure(encoded)) return this.#warn(stream, `its state: ${encoded.failure.message}`)
      if (!this.#isKept(state, encoded.success)) return this.#warn(stream, lossy)
      const [decider, version] = [this.#decider, this.#version]
      const head = { decider, version, types: [...this.#types], stream, lib, lineage, revision, position, id }
      const body = JSON.stringify({ ...head, state: encoded.success })
      const bytes = Buffer.from(`${sha256(body)}\n${body}\n`)
      if (bytes.length > bytesMax)
        return this.#warn(stream, `it has ${bytes.length} bytes, and ${bytesMax} is the most`)
      return Effect.catch(derived.put(this.#key(stream), bytes), (error) => this.#warn(stream, error.message))
    })
  }

  /** Whether the state would be read back as it is. A schema may ignore fields, on which a decision may rest. */
  #isKept(state: unknown, encoded: unknown): boolean {
    const json = parsed(JSON.stringify(encoded))
    const read = this.#codec.decode(json)
    return Result.isSuccess(read) && isSameState(state, read.success)
  }

  #warn(stream: string, why: string): Effect.Effect<void> {
    const what = `the snapshot of stream ${JSON.stringify(stream)} for decider ${JSON.stringify(this.#decider)}`
    return Effect.logWarning(`litetapes: ${what} was not written: ${why}`)
  }
}

/**
 * The deciders that were made, and their snapshots, if they have some. Here, and not where deciders are made, since that loads
 * `effect/Schema`, which a promise store does without.
 */
export const madeDeciders = new WeakMap<object, { readonly snapshots: Snapshots | undefined }>()

const parsed = (text: string): unknown => {
  try {
    return parseJson(text)
  } catch {
    return undefined
  }
}

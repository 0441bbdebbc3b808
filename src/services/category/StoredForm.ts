/** Decodes what events of one stored type name hold, in whatever version they were stored, as the present version of it. */
import * as Result from "effect/Result"
import { shown } from "../../domain/format/checkOptions.ts"
import type { Converted, EventCodec, EventSchema } from "./EventCodec.ts"
import type { FieldPlan } from "./erasure/FieldPlan.ts"
import { versionKey } from "./versionKey.ts"
import type { Upcast } from "./Versions.ts"

/** A version on the way from the oldest one of the stored name to the present one of its type. */
export interface Stage {
  /** Names the version in an error. */
  readonly label: string
  readonly schema: EventSchema
  readonly codec: EventCodec
  /** From the stage before it; `undefined` for the first one. */
  readonly upcast: Upcast | undefined
}

export class StoredForm {
  readonly #stages: readonly [Stage, ...ReadonlyArray<Stage>]
  readonly #present: EventCodec
  /** Type whose versions these are. */
  readonly type: string
  /** Number of versions that events can be stored in. The stages after them belong to the type that they merged into. */
  readonly versions: number

  constructor(type: string, stages: readonly [Stage, ...ReadonlyArray<Stage>], versions: number) {
    this.type = type
    this.#stages = stages
    this.#present = stages.at(-1)!.codec
    this.versions = versions
  }

  /** The versions that events can be stored in, from the first one on. */
  get stored(): ReadonlyArray<Stage> {
    return this.#stages.slice(0, this.versions)
  }

  /** The fields that are encrypted in the present version; `undefined` if none is. */
  get presentPlan(): FieldPlan | undefined {
    return this.#present.plan
  }

  /** Returns those of the version that the metadata of a stored event names. */
  planOf(version: unknown = 1): FieldPlan | undefined {
    return isVersion(version) && version <= this.versions ? this.#stages[version - 1]!.codec.plan : undefined
  }

  /** Returns the JSON value to store, in the present version. */
  encode(data: unknown): Converted {
    return this.#present.encode(data)
  }

  /** Returns stored data as the present version has it. `version` is what the metadata of the event says. */
  decode(stored: unknown, version: unknown): Converted {
    if (version === undefined && this.#stages.length === 1) return this.#present.decode(stored)
    return this.#decode(stored, version === undefined ? 1 : version)
  }

  #decode(stored: unknown, version: unknown): Converted {
    if (!isVersion(version)) {
      return refused(`its metadata has ${shown(version)} as ${versionKey}, which must be a whole number, 1 or more`)
    }
    if (version > this.versions) {
      return refused(`it is stored in version ${version}, which is newer than version ${this.versions} of this program`)
    }
    if (version === this.#stages.length) return this.#present.decode(stored)
    // The schema may return parts of what is stored, and an upcaster may change what it gets.
    let read = this.#stages[version - 1]!.codec.decode(copyOf(stored))
    for (let at = version; at < this.#stages.length && Result.isSuccess(read); at++) {
      read = upcastTo(this.#stages[at]!, this.#stages[at - 1]!, read.success)
    }
    return read
  }
}

/** Returns the data of the next stage, exactly as it would be read if it had been appended in that version. */
const upcastTo = (to: Stage, from: Stage, data: unknown): Converted => {
  let next: unknown
  try {
    next = to.upcast!(data)
  } catch (error) {
    const why = error instanceof Error ? error.message : "unknown"
    return refused(`upcasting it from ${from.label} to ${to.label} threw: ${why}`)
  }
  const encoded = to.codec.encode(next)
  const read =
    Result.isFailure(encoded) || encoded.success !== undefined
      ? Result.flatMap(encoded, (json) => to.codec.decode(json))
      : refused("it is undefined, which JSON cannot express")
  return Result.mapError(read, ({ message }) => ({
    message: `upcasting it from ${from.label} to ${to.label} returned what the schema of that version refuses: ${message}`
  }))
}

export const isVersion = (version: unknown): version is number => Number.isSafeInteger(version) && Number(version) >= 1

/** Copies a JSON value. What is nested deeper than any record cannot be stored. */
const copyOf = (json: unknown): unknown => {
  if (typeof json !== "object" || json === null) return json
  if (Array.isArray(json)) return json.map(copyOf)
  return Object.fromEntries(Object.entries(json).map(([key, value]) => [key, copyOf(value)]))
}

const refused = (message: string): Converted => Result.fail({ message })

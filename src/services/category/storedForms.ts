/** The names under which events of a type may be stored, and how each is decoded. */
import * as Schema from "effect/Schema"
import { EventCodec, type EventSchema } from "./EventCodec.ts"
import { problemOf } from "./schemaShape.ts"
import { type Stage, StoredForm } from "./StoredForm.ts"
import { Versions } from "./Versions.ts"

/** What is declared for a type: the schema of its only version, or its versions. */
export type EventData = EventSchema | Versions<unknown>

/**
 * Returns the stored names of a type with their forms: its own one first, then those of the types that it merged.
 *
 * @throws Error if one of its schemas can never have a JSON form
 */
export const storedForms = (
  category: string,
  type: string,
  data: EventData
): ReadonlyArray<readonly [name: string, form: StoredForm]> => {
  if (Versions.isVersions(data)) {
    return pathsOf(category, type, data).map(({ name, stages, versions }) => [
      name,
      new StoredForm(name, stages, versions)
    ])
  }
  return [[type, new StoredForm(type, [stageOf(category, type, 0, data)], 1)]]
}

/** The stages of one stored name, of which the first `versions` can be stored under it. */
interface Path {
  readonly name: string
  readonly stages: readonly [Stage, ...ReadonlyArray<Stage>]
  readonly versions: number
}

const pathsOf = (category: string, type: string, given: Versions<unknown>): ReadonlyArray<Path> => {
  const list = Versions.list(given)
  const own = list.map(({ schema, upcast }, at) => stageOf(category, type, at, schema, upcast))
  const merged = list.flatMap((version, at) =>
    version.merged.flatMap(({ former, upcast, versions }) =>
      pathsOf(category, former, versions).map((path): Path => ({
        ...path,
        stages: [...path.stages, { ...own[at]!, upcast }, ...own.slice(at + 1)]
      }))
    )
  )
  return [{ name: type, stages: own as unknown as Path["stages"], versions: own.length }, ...merged]
}

const stageOf = (
  category: string,
  type: string,
  at: number,
  schema: EventSchema,
  upcast?: (data: unknown) => unknown
): Stage => {
  const label = `version ${at + 1} of ${type}`
  const why = Schema.isSchema(schema) ? problemOf(schema.ast) : notASchema
  if (why !== undefined) throw unusable(`of ${at === 0 ? type : label}`, category, why)
  return { label, schema, codec: new EventCodec(schema), upcast }
}

export const notASchema = "it is not a Schema"

export const unusable = (what: string, category: string, why: string): Error =>
  new Error(`the schema ${what} in category ${category} cannot be used: ${why}`)

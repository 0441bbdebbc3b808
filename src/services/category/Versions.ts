/**
 * The versions that the data of an event type has had, from the first to the present one, and how the data of each becomes
 * that of the next.
 */
import * as Schema from "effect/Schema"
import { InvalidArgument } from "../../domain/format/Errors.ts"
import { shown } from "../../domain/format/checkOptions.ts"

/** Returns the data of the next version. Must be pure. */
export type Upcast = (data: unknown) => unknown

/** One version of a type. */
export interface Version {
  readonly schema: Schema.Codec<unknown, unknown>
  /** From the version before it; `undefined` for the first version. */
  readonly upcast: Upcast | undefined
  /** Other types whose events become this version. */
  readonly merged: ReadonlyArray<Merged>
}

/** Another type, whose events become a version of this one. */
export interface Merged {
  readonly former: string
  readonly versions: Versions<unknown>
  readonly upcast: Upcast
}

/** The versions of a type. `A` is the data of the newest one, which the application sees and appends. */
export class Versions<out A> {
  /** Only for the compiler: the data of the newest version. It is never there. */
  declare readonly Type: A
  /** Schema of the newest version. */
  readonly schema: Schema.Codec<A, unknown>
  readonly #list: ReadonlyArray<Version>

  /** @internal */
  constructor(list: readonly [Version, ...ReadonlyArray<Version>]) {
    this.#list = list
    this.schema = list.at(-1)!.schema as Schema.Codec<A, unknown>
  }

  /**
   * Adds a version. `upcast` returns its data from that of the version before it. It is called when an older event is
   * read, and must depend only on the data. Never change it or the earlier schemas afterwards: add a version instead.
   *
   * @throws InvalidArgument if `schema` is not a schema, or `upcast` is not a function
   */
  next<B, const Up extends B>(schema: Schema.Codec<B, unknown>, upcast: (data: A) => Up): Versions<B> {
    const call = "Versions.next"
    checkSchema(call, schema)
    checkUpcast(call, upcast)
    return new Versions<B>([...this.#all(), { schema, upcast: upcast as Upcast, merged: [] }])
  }

  /**
   * Reads the events of another type, in any of its versions, as this version of this type: for two types that became one, or
   * for a type that got another name and another shape at once. A later `next` applies to them too. Such an event can no
   * longer be appended under its former name.
   *
   * @throws InvalidArgument if `former` is not a text, `was` is neither a schema nor versions, or `upcast` is not a function
   */
  merge<B>(former: string, was: Schema.Codec<B, unknown> | Versions<B>, upcast: (data: B) => A): Versions<A> {
    const call = "Versions.merge"
    if (typeof former !== "string") {
      throw new InvalidArgument({ call, argument: "former", why: `must be a text, not ${shown(former)}` })
    }
    const versions = Versions.isVersions(was) ? (was as Versions<B>) : versionsOf(call, "was", was)
    checkUpcast(call, upcast)
    const [...list] = this.#all()
    const last = list.pop()!
    const merged = [...last.merged, { former, versions, upcast: upcast as Upcast }]
    return new Versions<A>([...list, { ...last, merged }] as unknown as [Version])
  }

  /** @internal */
  static list(versions: Versions<unknown>): ReadonlyArray<Version> {
    return versions.#list
  }

  /**
   * Returns whether this is an object of this class. Unlike `instanceof`, it throws for no value.
   *
   * @internal
   */
  static isVersions(value: unknown): value is Versions<unknown> {
    return typeof value === "object" && value !== null && #list in value
  }

  #all(): [Version, ...Array<Version>] {
    return [...this.#list] as [Version, ...Array<Version>]
  }
}

/**
 * Returns the versions of a type, beginning with the first, for `make`. Give the schema with which the oldest events
 * were appended, and add each later version with `next`. Appends store the newest version, in the metadata under the
 * key `schemaVersion` unless it is 1. Reads return every event in the newest version. If an upcaster throws, or returns
 * a value that the schema of its version refuses, the event cannot be decoded, and the option `unreadable` of the read
 * decides.
 *
 * @throws InvalidArgument if `schema` is not a schema
 *
 * @example
 * ```ts
 * const Deposited = Category.versions(Schema.Struct({ euros: Schema.Int }))
 *   .next(Schema.Struct({ cents: Schema.Int }), ({ euros }) => ({ cents: euros * 100 }))
 *   .next(Schema.Struct({ cents: Schema.Int, via: Schema.String }), ({ cents }) => ({ cents, via: "unknown" }))
 * const Account = Category.make("account", { Deposited })
 * ```
 */
export const versions = <A>(schema: Schema.Codec<A, unknown>): Versions<A> =>
  versionsOf("Category.versions", "schema", schema)

/** Returns the versions of a type that has one version so far. */
const versionsOf = <A>(call: string, argument: string, schema: Schema.Codec<A, unknown>): Versions<A> => {
  checkSchema(call, schema, argument)
  return new Versions<A>([{ schema, upcast: undefined, merged: [] }])
}

const checkSchema = (call: string, schema: unknown, argument = "schema"): void => {
  if (!isSchema(schema)) throw new InvalidArgument({ call, argument, why: `must be a Schema, not ${shown(schema)}` })
}

/** A revoked proxy throws when it is looked at. */
const isSchema = (schema: unknown): boolean => {
  try {
    return Schema.isSchema(schema)
  } catch {
    return false
  }
}

const checkUpcast = (call: string, upcast: unknown): void => {
  if (typeof upcast !== "function") {
    throw new InvalidArgument({ call, argument: "upcast", why: `must be a function, not ${shown(upcast)}` })
  }
}

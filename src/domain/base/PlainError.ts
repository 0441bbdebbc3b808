/**
 * Errors with typed fields. They name their fields by shapes, so that loading them costs no schema.
 *
 * Effect's part of them, which makes them effects that fail, is added by `TaggedError.ts`. Only `TaraSONError` is made
 * here: so `litetapes/TaraSON` needs nothing of Effect.
 */
import type { YieldableError } from "effect/Cause"
import type { Fields, Literal, Members, Shape } from "./Shape.ts"

/** The ancestor of all errors. */
export class PlainError extends Error {
  /** What `console.log` of Node shows: name, message, stack and fields, as of any other error. Effect shows the fields alone. */
  [Symbol.for("nodejs.util.inspect.custom")](): Error {
    const shown = Object.assign(new Error(this.message), this)
    for (const key of ["name", "stack"] as const) {
      Object.defineProperty(shown, key, { value: this[key], configurable: true, enumerable: false, writable: true })
    }
    return shown
  }
}

/**
 * The class of an error. It is the shape of its instances too: `Schemas.of` makes a schema of it, which sends an error
 * over a wire as an object, and brings it back as an instance.
 */
export interface ErrorClass<out Self, Tag extends string, F extends Fields> extends Shape<Self> {
  new (fields: Members<F>): YieldableError & { readonly _tag: Tag } & Members<F>
  readonly kind: "error"
  /** The name of its instances, which is unique among all errors. */
  readonly identifier: string
  /** The shapes of its fields. */
  readonly fields: { readonly _tag: Literal<Tag> } & F
}

/** Returns a class of errors with a tag and these fields. Its constructor ignores other fields. */
export const plainError =
  <Self>(identifier: string) =>
  <const Tag extends string, const F extends Fields>(tag: Tag, fields: F): ErrorClass<Self, Tag, F> => {
    const names = Object.keys(fields)
    class Base extends PlainError {
      static readonly kind = "error"
      static readonly identifier = identifier
      static readonly fields = { _tag: { kind: "literals", literals: [tag], literal: tag }, ...fields }
      readonly _tag = tag

      constructor(given: Readonly<Record<string, unknown>>) {
        super()
        for (const name of names) {
          if (!Object.hasOwn(given, name)) continue
          Object.defineProperty(this, name, {
            value: given[name],
            configurable: true,
            enumerable: true,
            writable: true
          })
        }
      }
    }
    Object.defineProperty(Base.prototype, "name", { value: identifier, configurable: true, writable: true })
    return Base as unknown as ErrorClass<Self, Tag, F>
  }

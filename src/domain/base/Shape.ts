/**
 * Shapes of JSON values: what a field of an error or of a system record may contain, as plain data. They look like
 * schemas of Effect, but loading them costs nothing; `litetapes/Schemas` turns them into schemas. `readShape.ts` reads
 * values by them.
 */

/** The shape of a value: plain data that says what the value may be. */
export interface Shape<out A> {
  readonly kind: string
  /** The type of the values. It exists in types only, as in `typeof Placement.Type`. */
  readonly Type: A
}

/** A shape of anything. */
export type Any = Shape<unknown>

/** A text, a number, a boolean or any value, which may have checks. */
export interface Simple<out A> extends Shape<A> {
  readonly kind: "string" | "number" | "int" | "boolean" | "unknown"
  readonly checks: ReadonlyArray<Check>
  /** Returns the same shape with one more check. */
  readonly check: (check: Check) => Simple<A>
}

/** What a text, a number or an array must also be. */
export type Check =
  | { readonly check: "pattern"; readonly pattern: RegExp }
  | { readonly check: "between"; readonly minimum: number; readonly maximum: number }
  | { readonly check: "length"; readonly minimum: number; readonly maximum: number }

/** One of some texts, or one value. */
export interface Literals<out L extends ReadonlyArray<string | boolean>> extends Shape<L[number]> {
  readonly kind: "literals"
  readonly literals: L
}

/** Exactly one text or boolean. */
export interface Literal<out L extends string | boolean> extends Literals<readonly [L]> {
  readonly literal: L
}

/** The value, or null. */
export interface NullOr<out S extends Any> extends Shape<S["Type"] | null> {
  readonly kind: "nullOr"
  readonly of: S
}

/** A member of an object that may be absent. */
export interface OptionalKey<out S extends Any> extends Shape<S["Type"]> {
  readonly kind: "optionalKey"
  readonly of: S
}

/** The members of an object. */
export interface Fields {
  readonly [name: string]: Any
}

type OptionalOf<F extends Fields> = {
  [K in keyof F]: F[K] extends { readonly kind: "optionalKey" } ? K : never
}[keyof F]

/** The type of an object with these members. */
export type Members<F extends Fields> = Simplify<
  { readonly [K in Exclude<keyof F, OptionalOf<F>>]: F[K]["Type"] } & {
    readonly [K in OptionalOf<F>]?: F[K]["Type"]
  }
>

type Simplify<A> = { [K in keyof A]: A[K] } & {}

/** An object with these members. */
export interface Struct<F extends Fields> extends Shape<Members<F>> {
  readonly kind: "struct"
  readonly fields: F
}

/** An object with these members, and a tag that tells it from others. */
export type TaggedStruct<Tag extends string, F extends Fields> = Struct<{ readonly _tag: Literal<Tag> } & F>

type Elements = ReadonlyArray<Any>

/** An array of fixed length. */
export interface Tuple<E extends Elements> extends Shape<{ readonly [K in keyof E]: E[K]["Type"] }> {
  readonly kind: "tuple"
  readonly elements: E
}

/** An array of any length. */
export interface ArrayOf<out S extends Any> extends Shape<ReadonlyArray<S["Type"]>> {
  readonly kind: "array"
  readonly of: S
  readonly checks: ReadonlyArray<Check>
  /** Returns the same shape with one more check. */
  readonly check: (check: Check) => ArrayOf<S>
}

/** An array with one element or more. */
export interface NonEmptyArray<out S extends Any> extends Shape<readonly [S["Type"], ...Array<S["Type"]>]> {
  readonly kind: "array"
  readonly of: S
  readonly checks: ReadonlyArray<Check>
}

/** A value of one of several shapes. */
export interface Union<out M extends Elements> extends Shape<M[number]["Type"]> {
  readonly kind: "union"
  readonly members: M
}

// `Type` exists in types only.
const shape = <S extends Any>(data: Omit<S, "Type">): S => data as S

const simple = <A>(kind: Simple<A>["kind"], checks: ReadonlyArray<Check> = []): Simple<A> =>
  shape({ kind, checks, check: (check: Check) => simple<A>(kind, [...checks, check]) })

/** A text. */
export const String: Simple<string> = /* @__PURE__ */ simple("string")

/** A number, NaN and the infinities included. */
export const Number: Simple<number> = /* @__PURE__ */ simple("number")

/** A whole number that a double holds exactly. */
export const Int: Simple<number> = /* @__PURE__ */ simple("int")

/** `true` or `false`. */
export const Boolean: Simple<boolean> = /* @__PURE__ */ simple("boolean")

/** Any value. */
export const Unknown: Simple<unknown> = /* @__PURE__ */ simple("unknown")

/** A text that is not empty. */
export const NonEmptyString: Simple<string> = /* @__PURE__ */ simple("string", [
  { check: "length", minimum: 1, maximum: Infinity }
])

/** Checks that a text matches. */
export const isPattern = (pattern: RegExp): Check => ({ check: "pattern", pattern })

/** Checks that a number is in a range, whose ends are in it too. */
export const isBetween = (range: { readonly minimum: number; readonly maximum: number }): Check => ({
  check: "between",
  ...range
})

/** Checks that a number is not below a minimum. */
export const isGreaterThanOrEqualTo = (minimum: number): Check => ({ check: "between", minimum, maximum: Infinity })

/** Checks that a text or an array is not longer. */
export const isMaxLength = (maximum: number): Check => ({ check: "length", minimum: 0, maximum })

/** Exactly this value. */
export const Literal = <const L extends string | boolean>(literal: L): Literal<L> =>
  shape({ kind: "literals", literals: [literal], literal })

/** One of these values. */
export const Literals = <const L extends ReadonlyArray<string | boolean>>(literals: L): Literals<L> =>
  shape({ kind: "literals", literals })

/** The value, or null. */
export const NullOr = <S extends Any>(of: S): NullOr<S> => shape({ kind: "nullOr", of })

/** A member that may be absent. Present, it is not `undefined`. */
export const optionalKey = <S extends Any>(of: S): OptionalKey<S> => shape({ kind: "optionalKey", of })

/** An object with these members. */
export const Struct = <const F extends Fields>(fields: F): Struct<F> => shape({ kind: "struct", fields })

/** An object with these members and a tag. */
export const TaggedStruct = <const Tag extends string, const F extends Fields>(
  tag: Tag,
  fields: F
): TaggedStruct<Tag, F> => Struct({ _tag: Literal(tag), ...fields }) as TaggedStruct<Tag, F>

/** An array of fixed length. */
export const Tuple = <const E extends Elements>(elements: E): Tuple<E> => shape({ kind: "tuple", elements })

const arrayOf = <S extends Any>(of: S, checks: ReadonlyArray<Check>): ArrayOf<S> =>
  shape({ kind: "array", of, checks, check: (check: Check) => arrayOf(of, [...checks, check]) })

/** An array of any length. */
export const Array = <S extends Any>(of: S): ArrayOf<S> => arrayOf(of, [])

/** An array with one element or more. */
export const NonEmptyArray = <S extends Any>(of: S): NonEmptyArray<S> =>
  shape({ kind: "array", of, checks: [{ check: "length", minimum: 1, maximum: Infinity }] })

/** A value of one of these shapes. */
export const Union = <const M extends Elements>(members: M): Union<M> => shape({ kind: "union", members })

/** Every shape but that of an error class, by its `kind`. */
export type Kinds =
  | Simple<unknown>
  | Literals<ReadonlyArray<string | boolean>>
  | NullOr<Any>
  | OptionalKey<Any>
  | Struct<Fields>
  | Tuple<ReadonlyArray<Any>>
  | ArrayOf<Any>
  | Union<ReadonlyArray<Any>>

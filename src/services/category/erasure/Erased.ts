/** The value of a field that cannot be decrypted any more, because the keys of its subject were destroyed. */
import * as Schema from "effect/Schema"

const tag = "litetapes/Erased"

/** What is read of a field whose subject was forgotten. It is plain JSON, so a read model can store it. */
export interface Erased {
  /** Tells it from any value of the field. */
  readonly _tag: typeof tag
  /** Whose data it was. */
  readonly subject: string
}

/** Schema of `Erased`, such as for the state of a read model. */
export const Erased: Schema.Codec<Erased, Erased> = Schema.Struct({ _tag: Schema.Literal(tag), subject: Schema.String })

export const erased = (subject: string): Erased => ({ _tag: tag, subject })

/** Returns whether a value is what is read of a field whose subject was forgotten. */
export const isErased = (value: unknown): value is Erased =>
  typeof value === "object" && value !== null && "_tag" in value && value._tag === tag

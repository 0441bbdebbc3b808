/**
 * Erasure: fields of events are encrypted with a key of the subject whose data they are. Once `KeyStore.forget` has destroyed
 * the keys of a subject, nobody can read its fields any more, in any copy of the events: a read returns `Erased`. The stored
 * events do not change, so roots, heads and proofs stay valid.
 *
 * @example
 * ```ts
 * const Customer = Category.make("customer", {
 *   CustomerRegistered: Schema.Struct({
 *     customer: Schema.String,
 *     country: Schema.String,
 *     name: Erasable.field(Schema.String, { subject: "customer" })
 *   })
 * })
 * const program = Effect.gen(function* () {
 *   yield* Customer.append("17", [
 *     { type: "CustomerRegistered", data: { customer: "17", country: "GB", name: "Ada Lovelace" } }
 *   ])
 *   const keys = yield* KeyStore.KeyStore
 *   yield* keys.forget("17")
 *   yield* Stream.runForEach(Customer.read("17"), ({ data }) =>
 *     Effect.log(Erasable.isErased(data.name) ? "forgotten" : data.name)
 *   )
 * })
 * program.pipe(Effect.provide(KeyStore.layerFolder("./keys")), Effect.provide(EventStore.layer("./customers")))
 * ```
 *
 * @see `litetapes/KeyStore` for the keys
 */
import { FieldCipher } from "./ports/FieldCipher.ts"
import { Erased, isErased } from "./category/erasure/Erased.ts"
import { field } from "./category/erasure/field.ts"
import type { Event, Options } from "./category/erasure/field.ts"

export { Erased, field, FieldCipher, isErased }
export type { Event, Options }
export type { Cipher } from "./ports/FieldCipher.ts"

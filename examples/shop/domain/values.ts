/** The values that events, commands and requests are made of. They are checked where they come in. */
import * as Schema from "effect/Schema"

/** Names a product in URLs and streams. */
export const Sku = Schema.String.check(Schema.isPattern(/^[a-z0-9][a-z0-9-]{0,39}$/))

/** The price of a product. */
export const Cents = Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 100_000_000 }))

/** The total of an order: up to 100 prices, each times a quantity. */
export const Amount = Schema.Int.check(Schema.isGreaterThan(0))

export const Quantity = Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 10_000 }))

export const Customer = Schema.String.check(Schema.isBetweenLength(1, 100))

/** What a customer wants of one product. */
export const Item = Schema.Struct({ sku: Sku, quantity: Quantity })
export type Item = typeof Item.Type

const namesEachProductOnce = Schema.makeFilter((items: ReadonlyArray<Item>) =>
  new Set(items.map(({ sku }) => sku)).size === items.length ? undefined : "names a product twice"
)

export const Items = Schema.Array(Item).check(Schema.isBetweenLength(1, 100), namesEachProductOnce)

/** The same at the price that was asked for it when it was ordered. */
export const Line = Schema.Struct({ sku: Sku, quantity: Quantity, cents: Cents })
export type Line = typeof Line.Type

export const totalOf = (lines: ReadonlyArray<Line>): number =>
  lines.reduce((sum, { cents, quantity }) => sum + cents * quantity, 0)

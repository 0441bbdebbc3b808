/** What does the list of products read? A row for each product. */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Category from "litetapes/Category"
import * as Projection from "litetapes/Projection"
import { Stock } from "../domain/stock.ts"

/** A row of the table. */
export const StockRow = Schema.Struct({
  sku: Schema.String,
  cents: Schema.Int,
  available: Schema.Int,
  reserved: Schema.Int
})
export type StockRow = typeof StockRow.Type

/** Moves goods between the shelf and what is set aside. */
const move = (stream: string, available: number, reserved: number, { sql, table }: Projection.Tools) =>
  sql`UPDATE ${sql(table("stock_level"))}
    SET available = available + ${available}, reserved = reserved + ${reserved} WHERE sku = ${Category.idOf({ stream })}`

export const stockLevels = Projection.make({
  name: "stock-levels",
  init: ({ sql, table }) =>
    sql`CREATE TABLE ${sql(table("stock_level"))} (
      sku TEXT PRIMARY KEY, cents INTEGER NOT NULL, available INTEGER NOT NULL, reserved INTEGER NOT NULL)`,
  drop: ({ sql, table }) => sql`DROP TABLE ${sql(table("stock_level"))}`,
  events: [
    Projection.on(Stock, {
      GoodsReceived: ({ data: { cents, quantity }, stream }, { sql, table }) =>
        sql`INSERT INTO ${sql(table("stock_level"))} AS level VALUES (${Category.idOf({ stream })}, ${cents}, ${quantity}, 0)
          ON CONFLICT (sku) DO UPDATE SET cents = excluded.cents, available = level.available + excluded.available`,
      StockReserved: ({ data: { quantity }, stream }, tools) => move(stream, -quantity, quantity, tools),
      StockReleased: ({ data: { quantity }, stream }, tools) => move(stream, quantity, -quantity, tools),
      StockDispatched: ({ data: { quantity }, stream }, tools) => move(stream, 0, -quantity, tools)
    })
  ]
})

export const allStock = Effect.fn("allStock")(function* () {
  const { sql, table } = yield* Projection.current(stockLevels)
  return yield* sql<StockRow>`SELECT * FROM ${sql(table("stock_level"))} ORDER BY sku`
})

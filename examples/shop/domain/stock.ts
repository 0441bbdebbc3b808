/** How much of a product there is, and for which orders some of it is set aside. */
import * as Data from "effect/Data"
import * as Schema from "effect/Schema"
import * as Category from "litetapes/Category"
import * as Decider from "litetapes/Decider"
import { Cents, Quantity } from "./values.ts"

const Reservation = Schema.Struct({ order: Schema.String, quantity: Quantity })

export const Stock = Category.make("stock", {
  GoodsReceived: Schema.Struct({ quantity: Quantity, cents: Cents }),
  StockReserved: Reservation,
  StockReleased: Reservation,
  StockDispatched: Reservation
})

export interface StockState {
  /** Price from now on; `undefined` for a product that the shop never had. */
  readonly cents: number | undefined
  readonly available: number
  readonly reserved: ReadonlyMap<string, number>
}

export type StockCommand =
  | { readonly type: "receive"; readonly quantity: number; readonly cents: number }
  | { readonly type: "reserve"; readonly order: string; readonly quantity: number }
  | { readonly type: "release" | "dispatch"; readonly order: string }

/** There is not enough of the product. */
export class OutOfStock extends Data.TaggedError("OutOfStock")<{ readonly available: number }> {}

const without = (reserved: ReadonlyMap<string, number>, order: string): ReadonlyMap<string, number> =>
  new Map([...reserved].filter(([one]) => one !== order))

const evolve = (stock: StockState, event: Category.EventOf<typeof Stock>): StockState => {
  const { available, reserved } = stock
  switch (event.type) {
    case "GoodsReceived":
      return { ...stock, available: available + event.data.quantity, cents: event.data.cents }
    case "StockReserved": {
      const { order, quantity } = event.data
      return { ...stock, available: available - quantity, reserved: new Map(reserved).set(order, quantity) }
    }
    case "StockReleased": {
      const { order, quantity } = event.data
      return { ...stock, available: available + quantity, reserved: without(reserved, order) }
    }
    case "StockDispatched":
      return { ...stock, reserved: without(reserved, event.data.order) }
  }
}

export const stock = Decider.make({
  name: "stock",
  category: Stock,
  initialState: (): StockState => ({ cents: undefined, available: 0, reserved: new Map() }),
  evolve,
  decide: (command: StockCommand, { available, reserved }) => {
    if (command.type === "receive") {
      return { type: "GoodsReceived", data: { quantity: command.quantity, cents: command.cents } }
    }
    const { order } = command
    const quantity = reserved.get(order)
    if (command.type === "reserve") {
      if (quantity !== undefined) return []
      if (command.quantity > available) return new OutOfStock({ available })
      return { type: "StockReserved", data: { order, quantity: command.quantity } }
    }
    // Nothing is set aside for this order, or not any more.
    if (quantity === undefined) return []
    return { type: command.type === "release" ? "StockReleased" : "StockDispatched", data: { order, quantity } }
  }
})

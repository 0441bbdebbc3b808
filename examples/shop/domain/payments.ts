/** How an order is paid, and how the money goes back. What the bank says is a command here: it has happened. */
import * as Schema from "effect/Schema"
import * as Category from "litetapes/Category"
import * as Decider from "litetapes/Decider"
import { Amount } from "./values.ts"

export const Payment = Category.make("payment", {
  PaymentRequested: Schema.Struct({ cents: Amount }),
  PaymentTaken: Schema.Struct({ reference: Schema.String }),
  PaymentDeclined: Schema.Struct({ why: Schema.String }),
  RefundRequested: Schema.Struct({ reference: Schema.String }),
  PaymentRefunded: Schema.Struct({ reference: Schema.String })
})

export type PaymentState =
  | { readonly status: "none" | "requested" | "declined" }
  | { readonly status: "taken" | "refunding" | "refunded"; readonly reference: string }

export type PaymentCommand =
  | { readonly type: "request"; readonly cents: number }
  | { readonly type: "take" | "refunded"; readonly reference: string }
  | { readonly type: "decline"; readonly why: string }
  | { readonly type: "refund" }

const evolve = (_: PaymentState, { data, type }: Category.EventOf<typeof Payment>): PaymentState => {
  switch (type) {
    case "PaymentRequested":
      return { status: "requested" }
    case "PaymentDeclined":
      return { status: "declined" }
    case "PaymentTaken":
      return { status: "taken", reference: data.reference }
    case "RefundRequested":
      return { status: "refunding", reference: data.reference }
    case "PaymentRefunded":
      return { status: "refunded", reference: data.reference }
  }
}

export const payments = Decider.make({
  name: "payments",
  category: Payment,
  initialState: (): PaymentState => ({ status: "none" }),
  evolve,
  // No command is rejected: one that comes too late, or again, changes nothing.
  decide: (command: PaymentCommand, payment) => {
    switch (command.type) {
      case "request":
        return payment.status === "none" ? { type: "PaymentRequested", data: { cents: command.cents } } : []
      case "take":
        return payment.status === "requested" ? { type: "PaymentTaken", data: { reference: command.reference } } : []
      case "decline":
        return payment.status === "requested" ? { type: "PaymentDeclined", data: { why: command.why } } : []
      case "refund":
        return payment.status === "taken" ? { type: "RefundRequested", data: { reference: payment.reference } } : []
      case "refunded":
        return payment.status === "refunding" ? { type: "PaymentRefunded", data: { reference: command.reference } } : []
    }
  }
})

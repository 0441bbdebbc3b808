/** A user's program. `test/unit/services/categoryHovers.test.ts` checks the types that an editor shows at its names. */
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as Category from "litetapes/Category"

const Account = Category.make("account", {
  Opened: Schema.Struct({ owner: Schema.String }),
  Deposited: Schema.Struct({ cents: Schema.Int, memo: Schema.optionalKey(Schema.String) })
})

const Invoice = Category.make(
  "invoice",
  { Sent: Schema.Struct({ to: Schema.String }) },
  { metadata: Schema.Struct({ user: Schema.String }) }
)

type AccountEvent = Category.EventOf<typeof Account>

export const evolve = (plainEvent: Category.EventOf<typeof Account>) => plainEvent
export const evolveAlias = (aliasedEvent: AccountEvent) => aliasedEvent
export const decide = (newEvent: Category.NewOf<typeof Account>) => newEvent
export const send = (newInvoice: Category.NewOf<typeof Invoice>) => newInvoice
export const show = (recordedEvent: Category.RecordedOf<typeof Account>) => recordedEvent

export const reading = Stream.map(Account.read("17"), (readEvent) => readEvent)
export const some = Stream.map(Account.readAll({ filter: { types: ["Deposited"] } }), (filteredEvent) => filteredEvent)
export const invoices = Stream.map(Invoice.read("17"), ({ metadata: readMetadata }) => readMetadata)

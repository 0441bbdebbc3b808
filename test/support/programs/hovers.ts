/** A user's program. `test/unit/services/categoryHovers.test.ts` checks the types that an editor shows at its names. */
import * as Context from "effect/Context"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as Category from "litetapes/Category"
import * as Decider from "litetapes/Decider"

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

const accounts = Decider.make({
  name: "accounts",
  category: Account,
  initialState: () => ({ cents: 0 }),
  evolve: (evolvedState, evolvedEvent) => ({
    cents: evolvedState.cents + ("cents" in evolvedEvent.data ? evolvedEvent.data.cents : 0)
  }),
  decide: (command: { readonly cents: number }, decidedState) => {
    if (command.cents > decidedState.cents) return new TooLittle()
    if (command.cents === 0) return undefined
    return { type: "Deposited", data: { cents: command.cents } }
  }
})
const asked = Decider.make({
  name: "asked",
  category: Account,
  initialState: () => 0,
  evolve: (count) => count + 1,
  decide: (_: string) =>
    Effect.gen(function* () {
      yield* Asked
      if (yield* Effect.fail("no" as const)) return new TooLittle()
      return [{ type: "Opened" as const, data: { owner: "ada" } }]
    })
})
class TooLittle extends Data.TaggedError("TooLittle") {}
class Asked extends Context.Service<Asked, { readonly answer: string }>()("Asked") {}
export const handling = Effect.map(Decider.handle(accounts, "17", { cents: 5 }), (handledOne) => handledOne)
export const together = Effect.map(
  Decider.handleAll([Decider.to(accounts, "1", { cents: 5 }), Decider.to(asked, "2", "?")]),
  (handledAll) => handledAll
)
export const loading = Effect.map(Decider.load(accounts, "17"), (loadedState) => loadedState)
type Own<E> = Exclude<E, Decider.HandleError>
export const rejected = (
  rejection: Own<Effect.Error<typeof handling>>,
  rejections: Own<Effect.Error<typeof together>>
) => [rejection, rejections]
export const needs = (neededServices: Effect.Services<typeof together>) => neededServices

export const reading = Stream.map(Account.read("17"), (readEvent) => readEvent)
export const some = Stream.map(Account.readAll({ filter: { types: ["Deposited"] } }), (filteredEvent) => filteredEvent)
export const invoices = Stream.map(Invoice.read("17"), ({ metadata: readMetadata }) => readMetadata)

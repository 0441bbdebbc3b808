/** Calls that cannot be carried out as they are. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as EventStore from "litetapes/EventStore"
import type * as Lib from "litetapes/Lib"
import * as Tape from "litetapes/Tape"
import { withLib } from "../../../support/openLib.ts"
import { closedLib } from "../steps.ts"
import type { Case, Cases, Ground } from "../table.ts"

type Store = EventStore.EventStore["Service"]

/** Uses the event store of a new lib, with what no types allow. */
const inStore =
  (use: (store: Store) => Effect.Effect<unknown, unknown, Lib.Lib>) =>
  (ground: Ground): Effect.Effect<unknown, unknown> =>
    withLib<unknown, unknown>(ground.storage, ground.place(), () => Effect.flatMap(EventStore.make, use))

const any = (value: unknown) => value as never

const event = { type: "Placed" }

const argument: ReadonlyArray<Case> = [
  {
    name: "a misspelt option of opening",
    error: "InvalidArgument",
    says: /^Lib\.open: options\.closeByte is not known; did you mean closeBytes\? Nothing was done\./,
    give: ({ place, storage }) => withLib(storage, place(), () => Effect.void, any({ closeByte: 1 }))
  },
  {
    name: "a misspelt option that would switch a check off",
    error: "InvalidArgument",
    says: /^EventStore\.append: options\.expectedRevision is not known; did you mean expected\?/,
    give: inStore((store) => store.append("order-1", [event], any({ expectedRevision: 0 })))
  },
  {
    name: "a misspelt filter",
    error: "InvalidArgument",
    says: /^EventStore\.readAll: options\.filter\.type is not known; did you mean types\?/,
    give: inStore((store) => Stream.runDrain(store.readAll({ filter: any({ type: "Placed" }) })))
  },
  {
    name: "an expectation that is undefined, in one of several entries",
    error: "InvalidArgument",
    says: /^EventStore\.appendAll: appends\[1\]\.expected must not be undefined: leave the key out/,
    give: inStore((store) =>
      store.appendAll([
        { stream: "order-1", events: [event] },
        { stream: "order-2", events: [event], expected: any(undefined) }
      ])
    )
  },
  {
    name: "a fraction as a revision",
    error: "InvalidArgument",
    says: /^EventStore\.read: options\.from must be a whole number, 0 or more, not 1\.5/,
    give: inStore((store) => Stream.runDrain(store.read("order-1", { from: 1.5 })))
  },
  {
    name: "an unknown direction",
    error: "InvalidArgument",
    says: /options\.direction must be "forward" or "backward", not "backwards"/,
    give: inStore((store) => Stream.runDrain(store.read("order-1", { direction: any("backwards") })))
  },
  {
    name: "events that are not an array",
    error: "InvalidArgument",
    says: /^EventStore\.append: events must be an array, not an object/,
    give: inStore((store) => store.append("order-1", any(event)))
  },
  {
    name: "an empty location, such as from a variable that is not set",
    error: "InvalidArgument",
    says: /^Lib\.open: location must be a text that is not empty/,
    give: ({ storage }) => withLib(storage, "", () => Effect.void)
  },
  {
    name: "a new lib for a reader",
    error: "InvalidArgument",
    says: /options\.create is "must", but mode is "read"/,
    give: ({ place, storage }) => withLib(storage, place(), () => Effect.void, { create: "must", mode: "read" })
  },
  {
    name: "a misspelt field of an event",
    error: "InvalidEvent",
    says: /^event 0 for stream order-1 cannot be stored: its field "tag" is not known; did you mean tags\?/,
    give: inStore((store) => store.append("order-1", [any({ type: "Placed", tag: ["web"] })]))
  },
  {
    name: "a tag that is empty",
    error: "InvalidEvent",
    says: /^event 0 for stream order-1 cannot be stored: its tags\[1\] must not be empty: a tag is a text of 1 to 256 bytes/,
    give: inStore((store) => store.append("order-1", [{ ...event, tags: ["web", ""] }]))
  },
  {
    name: "a tag twice",
    error: "InvalidEvent",
    says: /^event 1 for stream order-1 cannot be stored: its tags\[2\] must not repeat \[0\]: give each tag once/,
    give: inStore((store) => store.append("order-1", [event, { ...event, tags: ["web", "a", "web"] }]))
  },
  {
    name: "a query for a tag that no event can have",
    error: "InvalidArgument",
    says: /^EventStore\.query: query\[0\]\.tags\[0\] must not be empty/,
    give: inStore((store) => store.query([{ tags: [""] }]))
  },
  {
    name: "a condition with a tag twice",
    error: "InvalidArgument",
    says: /^EventStore\.append: options\.condition\.failIfEventsMatch\[0\]\.tags\[1\] must not repeat \[0\]/,
    give: inStore((store) =>
      store.append("order-1", [event], { condition: { failIfEventsMatch: [{ tags: ["a", "a"] }], after: "nothing" } })
    )
  },
  {
    name: "a query with more items than anybody needs",
    error: "InvalidArgument",
    says: /^EventStore\.query: query must have at most 1024 items, not 100000/,
    give: inStore((store) => store.query(Array.from({ length: 100_000 }, () => ({ tags: ["a"] }))))
  },
  {
    name: "an item of a query that names nothing",
    error: "InvalidArgument",
    says: /^EventStore\.query: query\[0\] must have types or tags: the query for all events is "all"/,
    give: inStore((store) => store.query([{}]))
  },
  {
    name: "a text that is not a boundary",
    error: "InvalidArgument",
    says: /^Boundary\.decode: text must be a text that Boundary\.encode returned, not "b1\.x"/,
    give: () => Effect.try({ try: () => EventStore.Boundary.decode("b1.x"), catch: (error) => error })
  },
  {
    name: "a decision model that rests on nothing",
    error: "InvalidArgument",
    says: /^EventStore\.decisionModel: facts must not be empty/,
    give: inStore((store) => store.decisionModel({}))
  },
  {
    name: "a misspelt field of a fact",
    error: "InvalidArgument",
    says: /^EventStore\.decisionModel: facts\.taken\.initial is not known; did you mean initialState\?/,
    give: inStore((store) =>
      store.decisionModel({ taken: any({ query: "all", initial: 0, evolve: (n: number) => n + 1 }) })
    )
  },
  {
    name: "null as an event",
    error: "InvalidEvent",
    says: /^event 1 for stream order-1 cannot be stored: it must be an object, not null/,
    give: inStore((store) => store.append("order-1", [event, any(null)]))
  }
]

const name: ReadonlyArray<Case> = [
  {
    name: "a number as a stream",
    error: "InvalidStreamName",
    says: /^"17" is not a stream name: it must be a text/,
    give: inStore((store) => store.append(any(17), [event]))
  },
  {
    name: "null as a new tape",
    error: "InvalidTapeName",
    says: /^"null" is not a tape name: it must be a text/,
    give: inStore((store) => store.lib.createTape(any(null)))
  },
  {
    name: "an object as a tape",
    error: "TapeNotFound",
    says: /^this lib has no tape "an object"/,
    give: inStore(() => Tape.make(any({})))
  }
]

const newness: ReadonlyArray<Case> = [
  {
    name: "a path where no lib is",
    error: "LibNotFound",
    says: /^there is no lib at .*, and create "never" makes none: it does not exist; check the path\. .*mounted/,
    give: ({ place, storage }) => withLib(storage, place(), () => Effect.void, { create: "never" })
  },
  {
    name: "a lib that is there already",
    error: "LibExists",
    says: /^there is a lib at .* already, and create is "must"\. Choose another place/,
    give: (ground) =>
      Effect.flatMap(closedLib(ground), (at) => withLib(ground.storage, at, () => Effect.void, { create: "must" }))
  }
]

/** Runs an effect at a time. */
const at = <A, E, R>(millis: number, effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.clockWith((clock) =>
    Effect.provideService(
      effect,
      Clock.Clock,
      Object.assign(Object.create(clock) as Clock.Clock, {
        currentTimeMillis: Effect.succeed(millis),
        currentTimeMillisUnsafe: () => millis
      })
    )
  )

const clock: ReadonlyArray<Case> = [
  {
    name: "an event before 1970",
    error: "ClockOutOfRange",
    says: /^the clock is outside the years 1970 to 9999: -1 milliseconds since 1970\. Nothing was written\. Set the clock/,
    give: inStore((store) => at(-1, store.append("order-1", [event])))
  },
  {
    name: "a lib after 9999",
    error: "ClockOutOfRange",
    says: /: 253402300800000 milliseconds since 1970/,
    give: ({ place, storage }) =>
      at(
        253_402_300_800_000,
        withLib(storage, place(), () => Effect.void)
      )
  }
]

export const calls: Cases = { argument, name, newness, clock }

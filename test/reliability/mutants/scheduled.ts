/** Mutants of reactors and of scheduled events. */
import type { Mutant } from "./mutant.ts"

const deliveries = "services/scheduled/Deliveries.ts"
const definition = "services/scheduled/definition.ts"

const reach = { histories: [], explores: "scheduled" } as const

const together = "      const refused = yield* Effect.match(this.#append(appends.flat()), {\n"

export const scheduledMutants: ReadonlyArray<Mutant> = [
  {
    name: "result-before-its-checkpoint",
    breaks: "The result of a reaction is committed before its checkpoint, in a batch of its own.",
    edits: [
      {
        file: "layers/reactors/handler.ts",
        find: "store.appendAll(appends, { checkpoint: handling.checkpoint })",
        replace:
          "Effect.andThen(store.appendAll(appends), Effect.suspend(() => store.appendAll([], { checkpoint: handling.checkpoint })))"
      }
    ],
    histories: [],
    explores: "reactors"
  },
  {
    name: "failed-replay-taken-for-done",
    breaks: "A dead letter whose replay has failed is removed, because its event counts as done.",
    edits: [
      {
        file: "services/consumers/Partition.ts",
        find: "const isCommitted = !isReplay && (yield* this.#isCommitted(event))",
        replace: "const isCommitted = yield* this.#isCommitted(event)"
      }
    ],
    histories: [],
    explores: "reactors"
  },
  {
    name: "letter-removed-after-its-result",
    breaks: "A dead letter is removed after the result of its replay, in a batch of its own.",
    edits: [
      {
        file: "layers/reactors/handler.ts",
        find: "removal === undefined ? appends : [...appends, removal]",
        replace: "appends"
      },
      { file: "layers/reactors/handler.ts", find: "    letters?.forget(position)\n", replace: "" }
    ],
    histories: [],
    explores: "reactors"
  },
  {
    name: "delivered-before-its-event",
    breaks: "The note that an event was delivered is committed before the event, in a batch of its own.",
    edits: [
      {
        file: deliveries,
        find: together,
        replace: `      const notes = yield* Effect.exit(this.#append(appends.flatMap(([, note]) => [note!])))
      const rest = notes._tag === "Success" ? appends.flatMap(([event]) => [event!]) : appends.flat()
      const refused = yield* Effect.match(this.#append(rest), {
`
      }
    ],
    ...reach
  },
  {
    name: "cancelled-not-looked-up",
    breaks: "An event is delivered whether it was cancelled or not.",
    edits: [
      {
        file: deliveries,
        find: "    else if (event.revision === 1) this.#open.settle(id)\n",
        replace: ""
      },
      {
        file: definition,
        find: "  events: [{ type: types[type], data }],\n  expected: 0\n",
        replace: "  events: [{ type: types[type], data }]\n"
      }
    ],
    ...reach
  }
]

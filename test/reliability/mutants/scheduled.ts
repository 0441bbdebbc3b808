/** Mutants of scheduled events. */
import type { Mutant } from "./mutant.ts"

const deliveries = "services/scheduled/Deliveries.ts"
const definition = "services/scheduled/definition.ts"

const reach = { histories: [], scheduled: true } as const

const together = "      const refused = yield* Effect.match(this.#append(appends.flat()), {\n"

export const scheduledMutants: ReadonlyArray<Mutant> = [
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

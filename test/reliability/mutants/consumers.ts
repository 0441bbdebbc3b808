/** Mutants of consumers and of their checkpoints in a folder. */
import type { Mutant } from "./mutant.ts"

const partition = "services/consumers/Partition.ts"
const folder = "layers/checkpoints/folder.ts"

const reach = { histories: [], consumers: true } as const

export const consumerMutants: ReadonlyArray<Mutant> = [
  {
    name: "checkpoint-before-effect",
    breaks: "An event counts as done before the handler was called for it.",
    edits: [
      {
        file: partition,
        find: "const outcome = yield* this.#attempts(event, definition.maxAttempts)",
        replace: "this.#finish(position); const outcome = yield* this.#attempts(event, definition.maxAttempts)"
      }
    ],
    ...reach
  },
  {
    name: "filtered-events-not-counted",
    breaks: "Events that do not match hold the checkpoint back.",
    edits: [{ file: "services/consumers/ConsumerRun.ts", find: "      state.progress.cover(next)\n", replace: "" }],
    ...reach
  },
  {
    name: "replay-moves-checkpoint",
    breaks: "A parked event that is replayed moves the checkpoint back to it.",
    edits: [
      {
        file: partition,
        find: `if (outcome === "done") return yield* parking.unpark(position)`,
        replace: `if (outcome === "done") { state.progress.reopen(event.position); this.#shared.writer.note(); return yield* parking.unpark(position) }`
      },
      {
        file: "services/consumers/Progress.ts",
        find: "  /** Notes that an event that has begun is done. */",
        replace: "  reopen(position: number): void { this.#next = position }"
      }
    ],
    ...reach
  },
  {
    name: "interruption-cuts-handlers-off",
    breaks: "A consumer that stops interrupts the handlers that run.",
    edits: [
      {
        file: "services/consumers/ConsumerRun.ts",
        find: "yield* Fiber.awaitAll([following, ...works])",
        replace: "yield* Fiber.interruptAll([following, ...works])"
      }
    ],
    ...reach
  },
  {
    name: "no-checkpoint-at-the-end",
    breaks: "A consumer that stops does not write its checkpoint.",
    edits: [
      {
        file: "services/consumers/ConsumerRun.ts",
        find: "    yield* this.#failing(this.#writer.rest)\n",
        replace: ""
      }
    ],
    ...reach
  },
  {
    name: "parked-after-it-counts",
    breaks: "An event counts as done before its record is durable.",
    edits: [
      {
        file: partition,
        find: `if (definition.onPoison === "park") yield* parking.park(outcome)`,
        replace: `this.#finish(position); for (let turn = 0; turn < 20; turn++) yield* Effect.yieldNow; if (definition.onPoison === "park") yield* parking.park(outcome)`
      }
    ],
    ...reach
  },
  {
    name: "claim-ignored",
    breaks: "A consumer runs although another run has claimed its name.",
    edits: [
      {
        file: folder,
        find: "const lock = yield* lockAt(disk, consumer, place, onClaimed)",
        replace: "const lock: Lock = { held: Effect.succeed(true) } as Lock"
      }
    ],
    ...reach
  },
  {
    name: "checkpoint-not-synced",
    breaks: "The file of a checkpoint replaces the one before, but was not synced.",
    edits: [
      {
        file: folder,
        find: "yield* writeNew(disk, made, Buffer.from(text))",
        replace: "yield* writeNew(disk, made, Buffer.from(text), true)"
      }
    ],
    ...reach
  },
  {
    name: "checkpoint-folder-not-synced",
    breaks: "A checkpoint is acknowledged before its name is durable.",
    edits: [
      {
        file: folder,
        find: "    yield* disk.rename(made, path)\n    yield* disk.syncFolder(place)\n",
        replace: "    yield* disk.rename(made, path)\n"
      }
    ],
    ...reach
  },
  {
    name: "checkpoint-folder-of-a-consumer-not-synced",
    breaks: "The folder of a new consumer is used before its name is durable.",
    edits: [{ file: folder, find: "    yield* disk.syncFolder(folder)\n", replace: "" }],
    ...reach
  },
  {
    name: "checkpoint-folder-above-not-synced",
    breaks: "A new folder of checkpoints is used before its name is durable.",
    edits: [
      {
        file: "layers/folder/files.ts",
        find: "const named = disk.syncFolder(dirname(folder))",
        replace: "const named: Effect.Effect<void, DiskError> = Effect.void"
      }
    ],
    ...reach
  },
  {
    name: "checkpoint-in-place",
    breaks: "A checkpoint is removed before the new one is there.",
    edits: [
      {
        file: folder,
        find: "    yield* unlinkIfThere(disk, made)\n",
        replace:
          "    yield* unlinkIfThere(disk, made)\n    yield* unlinkIfThere(disk, path)\n    yield* disk.syncFolder(place)\n"
      }
    ],
    ...reach
  },
  {
    name: "what-is-done-above-forgotten",
    breaks: "A consumer that continues takes everything below the end of its checkpoint for done.",
    edits: [
      {
        file: "services/consumers/openConsumer.ts",
        find: "progress: new Progress(kept.low, kept.done)",
        replace: "progress: new Progress(kept.end)"
      }
    ],
    ...reach
  }
]

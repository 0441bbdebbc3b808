/** Applies one operation to a lib and to its model, and compares their answers. */
import * as Effect from "effect/Effect"
import { ConditionFailed, WrongExpectedRevision } from "../../../domain/event/EventErrors.ts"
import { tapeOf } from "../../../domain/format/Placement.ts"
import { type AppendResult, Boundary, type EventStore, type NewEvent } from "../../../services/EventStore.ts"
import { Lib } from "../../../services/Lib.ts"
import * as Tape from "../../../services/Tape.ts"
import type { Operation } from "./operation.ts"
import { failing, same, Unmet } from "../conformance/expect.ts"
import { rootOf } from "./compare.ts"
import { contentOf, linesOf, type Model, textOf } from "./model.ts"

type Store = EventStore["Service"]
type Op<Name extends Operation["op"]> = Name extends string ? Extract<Operation, { readonly op: Name }> : never

/** Returns an operation as one short line. */
export const show = (operation: Operation): string => {
  switch (operation.op) {
    case "append":
      return `append ${operation.records.length} to ${operation.tape}`
    case "commit":
      return `commit ${operation.appends.map(({ tape, records }) => `${records.length} to ${tape}`).join(", ")}`
    case "events":
      return `append ${operation.events.length} events to ${operation.stream}, expecting ${operation.expected}`
    case "decide":
      return `append ${operation.events.length} events to ${operation.stream} on condition of ${JSON.stringify(operation.query)}, decided ${operation.since} decisions ago`
    case "clone":
      return `clone ${operation.tape} to ${operation.to}`
    case "repack":
      return `repack ${operation.tape} ${JSON.stringify(operation.options)}`
    case "userMeta":
      return `user metadata ${JSON.stringify(operation.key)} of ${operation.tape}`
    default:
      return "tape" in operation ? `${operation.op} ${operation.tape}` : operation.op
  }
}

export const perform = (
  store: Store,
  model: Model,
  operation: Exclude<Operation, { readonly op: "reopen" | "kill" | "reader" | "backup" }>
): Effect.Effect<void, unknown> => {
  switch (operation.op) {
    case "append":
      return commit(store, model, [operation])
    case "commit":
      return commit(store, model, operation.appends)
    case "events":
      return appendEvents(store, model, operation)
    case "again":
      return appendAgain(store, model, operation)
    case "decide":
      return decide(store, model, operation)
    case "archive":
    case "activate":
      return setState(store, model, operation)
    default:
      return Effect.flatMap(open(store, model, operation.tape), (tape) => change(store, model, tape, operation))
  }
}

/** Opens a tape, and creates it if it does not exist. */
const open = (store: Store, model: Model, name: string) => {
  model.tape(name)
  return Effect.provideService(Tape.makeOrCreate(name), Lib, store.lib)
}

const commit = Effect.fnUntraced(function* (store: Store, model: Model, appends: Op<"commit">["appends"]) {
  for (const { tape } of appends) yield* open(store, model, tape)
  const committing = store.lib.commit(appends.map(({ records, tape }) => ({ tape, records })))
  if (appends.some(({ tape }) => model.tape(tape).state === "archived")) {
    return yield* failing("an append to an archived tape", committing, "TapeArchived")
  }
  const receipts = yield* committing
  const expected: Array<object> = []
  for (const { tape, records } of appends) {
    const { lines } = model.tape(tape)
    if (records.length > 0) expected.push({ tape, firstOrdinal: lines.length, records: records.length })
    lines.push(...linesOf(records))
  }
  const said = receipts.map(({ tape, firstOrdinal, records }) => ({ tape, firstOrdinal, records }))
  same(
    "the receipts",
    said.filter(({ records }) => records > 0),
    expected
  )
})

const appendEvents = Effect.fnUntraced(function* (store: Store, model: Model, operation: Op<"events">) {
  const { stream } = operation
  touch(store, model, stream)
  const known = model.stream(stream)
  const current = known.length === 0 ? ("no-stream" as const) : known.length - 1
  const events = operation.events.map((event, index) => named(event, model.events.length + index))
  if (operation.expected === "stale") {
    const appending = store.append(stream, events, { expected: known.length + 3 })
    const error = yield* Effect.flip(appending)
    same("an append that expects too much", error instanceof WrongExpectedRevision && error.actual, current)
    return
  }
  accept(
    model,
    stream,
    events,
    yield* store.append(stream, events, { expected: operation.expected === "any" ? "any" : current })
  )
})

/** Notes that a stream is appended to, which may create its tape. */
const touch = (store: Store, model: Model, stream: string): void => {
  const tape = tapeOf(store.lib.placement, stream)
  if (model.tapes.has(tape)) throw new Unmet("the history", "tapes and categories with different names", stream)
  model.touched.add(tape)
}

/** Compares the result of an append that succeeded, and adds its events to the model. */
const accept = (model: Model, stream: string, events: ReadonlyArray<Named>, result: AppendResult): void => {
  const known = model.stream(stream)
  same("the result of an append of events", result, {
    stream,
    firstRevision: known.length,
    lastRevision: known.length + events.length - 1,
    firstPosition: events.length === 0 ? -1 : model.events.length,
    lastPosition: events.length === 0 ? -1 : model.events.length + events.length - 1,
    repeated: false
  })
  if (events.length === 0) return
  model.appended.push({ stream, events, first: known.length })
  for (const [index, event] of events.entries()) {
    model.given.push(event)
    model.events.push({ stream, revision: known.length + index, id: event.id, content: contentOf(event) })
  }
}

const decide = Effect.fnUntraced(function* (store: Store, model: Model, operation: Op<"decide">) {
  const { query, since, stream } = operation
  touch(store, model, stream)
  const { boundary, events: found } = yield* store.query(query)
  same(
    "the positions of the events that match a query",
    found.map(({ position }) => position),
    model.matching(query)
  )
  same("the position of the boundary", boundary.position, model.events.length)
  model.boundaries.push(boundary.encode())
  const after = Boundary.decode(model.boundaries.at(-1 - Math.min(since, model.boundaries.length - 1))!)
  const events = operation.events.map((event, index) => named(event, model.events.length + index))
  const appending = store.append(stream, events, { condition: { failIfEventsMatch: query, after } })
  const [missed] = model.matching(query, after.position)
  if (missed === undefined) return accept(model, stream, events, yield* appending)
  const error = yield* Effect.flip(appending)
  same("an append whose condition does not hold", error instanceof ConditionFailed && error.position, missed)
})

type Named = NewEvent & { readonly id: string }

/** Gives an event an id of its own, so that it can be appended again. */
const named = (event: NewEvent, position: number): Named => ({
  ...event,
  id: `${position}: ${event.id ?? "event"}`
})

const appendAgain = Effect.fnUntraced(function* (store: Store, model: Model, { pick }: Op<"again">) {
  const earlier = model.appended[pick % model.appended.length]
  if (earlier === undefined) return
  const { stream, events, first } = earlier
  // As another request would: with other metadata.
  const retry = events.map((event) => ({ ...event, metadata: { correlationId: `again ${pick}` } }))
  const { firstRevision, lastRevision, repeated } = yield* store.append(stream, retry, { expected: "no-stream" })
  same(
    "the result of a repeated append",
    { firstRevision, lastRevision, repeated },
    { firstRevision: first, lastRevision: first + events.length - 1, repeated: true }
  )
})

const setState = Effect.fnUntraced(function* (store: Store, model: Model, { op, tape }: Op<"archive" | "activate">) {
  yield* open(store, model, tape)
  yield* store.lib[op](tape)
  model.tape(tape).state = op === "archive" ? "archived" : "active"
})

const change = Effect.fnUntraced(function* (
  store: Store,
  model: Model,
  tape: Tape.Tape["Service"],
  operation: Op<"flush" | "verify" | "repack" | "clone" | "userMeta">
) {
  const { lines, userMeta } = model.tape(tape.name)
  switch (operation.op) {
    case "flush": {
      yield* tape.appendSegment
      const inSegments = (yield* tape.segments).reduce((sum, segment) => sum + segment.records, 0)
      return same(`records of ${tape.name} in segments, after a flush`, inSegments, lines.length)
    }
    case "verify": {
      same(`what verify finds in ${tape.name}`, (yield* tape.verify()).bad, [])
      return same(`the root of ${tape.name}`, yield* tape.root, rootOf(lines))
    }
    case "repack": {
      yield* tape.repack(operation.options)
      return same(`the root of ${tape.name} after a repack`, yield* tape.root, rootOf(lines))
    }
    case "clone":
      return yield* clone(store, model, tape, operation.to)
    case "userMeta": {
      const { key, value } = operation
      if (value === undefined) userMeta.delete(key)
      else userMeta.set(key, textOf(value))
      return yield* value === undefined ? tape.removeUserMeta(key) : tape.setUserMeta(key, value)
    }
  }
})

const clone = Effect.fnUntraced(function* (store: Store, model: Model, tape: Tape.Tape["Service"], to: string) {
  const cloning = tape.clone(store.lib, to)
  if (model.tapes.has(to)) return yield* failing("a clone to a name that is taken", cloning, "TapeExists")
  yield* cloning
  model.tape(to).lines.push(...model.tape(tape.name).lines)
  const made = yield* Effect.provideService(Tape.make(to), Lib, store.lib)
  same(`whether ${to} is equivalent to ${tape.name}`, yield* Tape.equivalent(made, tape), true)
})

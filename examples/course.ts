/**
 * Decides across streams, on condition of a query: thirty students subscribe to two courses at the same time. A course has
 * room for ten, a student may take one of the two, an e-mail address is registered once, and invoices are numbered
 * without gaps. No stream holds what any of these decisions needs.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Console from "effect/Console"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as EventErrors from "litetapes/EventErrors"
import * as EventStore from "litetapes/EventStore"
import * as NodeStorage from "litetapes/NodeStorage"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

/** A rule forbids it. Nothing was appended. */
class Refused extends Data.TaggedError("Refused")<{ readonly why: string }> {}

/** Counts the events of a type that have all of these tags. */
const count = (type: string, ...tags: ReadonlyArray<string>): EventStore.Fact<number> => ({
  query: [tags.length === 0 ? { types: [type] } : { types: [type], tags }],
  initialState: () => 0,
  evolve: (seen) => seen + 1
})

/** Decides on the state of facts, and appends one event; decides again while somebody else is faster. */
const decide = <States>(
  facts: EventStore.Facts<States>,
  to: (state: EventStore.DecisionModel<States>["state"]) => EventStore.NewEvent | string
) =>
  Effect.gen(function* () {
    const store = yield* EventStore.EventStore
    const { condition, state } = yield* store.decisionModel(facts)
    const event = to(state)
    if (typeof event === "string") return yield* new Refused({ why: event })
    return yield* store.append(EventStore.streamOfTag(event.tags![0]!), [event], { condition })
  }).pipe(Effect.retry({ while: EventErrors.isConflict }))

const register = (student: number, mail: string) =>
  decide({ taken: count("StudentRegistered", `mail:${mail}`) }, ({ taken }) =>
    taken > 0
      ? `${mail} is taken`
      : { type: "StudentRegistered", tags: [`student:${student}`, `mail:${mail}`], data: { mail } }
  )

const room = 10

const subscribe = (student: number, course: number) => {
  const ofCourse = `course:${course}`
  const ofStudent = `student:${student}`
  const facts = { taken: count("StudentSubscribed", ofCourse), courses: count("StudentSubscribed", ofStudent) }
  return decide(facts, ({ courses, taken }) => {
    if (courses > 0) return "the student has a course"
    if (taken >= room) return "the course is full"
    return { type: "StudentSubscribed", tags: [ofCourse, ofStudent] }
  })
}

const invoice = (student: number) =>
  decide({ issued: count("InvoiceIssued") }, ({ issued }) => ({
    type: "InvoiceIssued",
    tags: [`invoice:${issued + 1}`, `student:${student}`],
    data: { number: issued + 1 }
  }))

/** Runs all at the same time, and returns how many were not refused. */
const together = (all: ReadonlyArray<ReturnType<typeof decide>>) =>
  Effect.forEach(
    all,
    (one) =>
      one.pipe(
        Effect.as(true),
        Effect.catchTag("Refused", () => Effect.succeed(false))
      ),
    { concurrency: "unbounded" }
  ).pipe(Effect.map((done) => done.filter((isDone) => isDone).length))

class Violated extends Data.TaggedError("Violated")<{ readonly message: string }> {}

const must = (holds: boolean, message: string) => (holds ? Effect.void : Effect.fail(new Violated({ message })))

const program = Effect.gen(function* () {
  const store = yield* EventStore.EventStore
  const students = Array.from({ length: 30 }, (_, n) => n)

  const registered = yield* together(students.map((student) => register(student, `s${student % 20}@example.org`)))
  yield* must(registered === 20, `${registered} students registered with 20 addresses`)

  const subscribed = yield* together(students.flatMap((student) => [subscribe(student, 1), subscribe(student, 2)]))
  const { events } = yield* store.query([{ types: ["StudentSubscribed"] }])
  const perCourse = ["course:1", "course:2"].map((tag) => events.filter(({ tags }) => tags.includes(tag)).length)
  yield* must(
    perCourse.every((count) => count === room),
    `the courses have ${perCourse.join(" and ")} students`
  )
  yield* must(new Set(events.map(({ tags }) => tags[1])).size === subscribed, "a student has two courses")

  const invoiced = yield* together(students.map(invoice))
  const invoices = yield* store.query([{ types: ["InvoiceIssued"] }])
  const numbers = invoices.events.map(({ data }) => (data as { readonly number: number }).number)
  yield* must(invoiced === students.length, `${invoiced} invoices were issued`)
  yield* must(
    numbers.every((number, n) => number === n + 1),
    `the invoices have the numbers ${numbers.join(", ")}`
  )

  yield* Console.log(
    `${registered} addresses registered, each once; ${subscribed} places taken, ${room} in each course.`
  )
  yield* Console.log(`Invoices 1 to ${numbers.length}, without a gap.`)
})

const folder = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "litetapes-course-"))),
  (made) => Effect.sync(() => rmSync(made, { recursive: true, force: true }))
)

Effect.flatMap(folder, (made) => Effect.provide(program, EventStore.layer(join(made, "courses")))).pipe(
  Effect.scoped,
  Effect.provide(NodeStorage.layer),
  NodeRuntime.runMain
)

/** Appends a git history to an event store. Each commit is one atomic batch, and no commit is appended twice. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as EventStore from "litetapes/EventStore"
import * as git from "./git.ts"
import type { Commit } from "./gitLog.ts"
import { eventsOf } from "./history.ts"
import { makeProgress, number, several } from "./print.ts"

/** Result of an import. */
interface Imported {
  readonly commits: number
  /** Number of events that were appended. */
  readonly events: number
  /** Number of commits that had been appended before. */
  readonly known: number
}

/** Appends of a commit that go into one batch. Only a huge commit needs several batches. */
const batchEntries = 2000

/** Appends the history of `repository`, oldest commit first. */
export const importHistory = Effect.fnUntraced(function* (repository: git.Repository) {
  const store = yield* EventStore.EventStore
  const progress = makeProgress()
  let commits = 0
  let events = 0
  let known = 0
  yield* Stream.runForEach(git.log(repository), (commit) =>
    Effect.gen(function* () {
      const appended = yield* append(store, commit)
      commits++
      events += appended
      if (appended === 0) known++
      yield* progress(
        () => `${number(commits)} of ${several(repository.commits, "commit")}, ${several(events, "event")} appended`
      )
    })
  )
  return { commits, events, known } satisfies Imported
})

/** Appends one commit, and returns the number of events that were new. */
const append = Effect.fnUntraced(
  function* (store: EventStore.EventStore["Service"], commit: Commit) {
    const appends = yield* eventsOf(commit)
    let events = 0
    for (let start = 0; start < appends.length; start += batchEntries) {
      const batch = appends.slice(start, start + batchEntries)
      const results = yield* store.appendAll(batch, { correlationId: commit.sha })
      for (const { repeated } of results) if (!repeated) events++
    }
    return events
  },
  Effect.catchTag("EventIdConflict", () =>
    // The commit is known, but this version of git counts its lines differently: keep what was recorded first.
    Effect.succeed(0)
  )
)

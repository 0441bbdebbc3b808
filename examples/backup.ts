/**
 * A backup while events are appended, and a restore to the moment before a mistake. Every step checks its result, and the
 * program fails if a check does.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as EventStore from "litetapes/EventStore"
import * as Lib from "litetapes/Lib"
import * as NodeStorage from "litetapes/NodeStorage"
import * as assert from "node:assert/strict"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

const deposit = (cents: number) => ({ type: "Deposited", data: { cents } })

const balance = (store: EventStore.EventStore["Service"]) =>
  Stream.runFold(
    store.read("account-1"),
    () => 0,
    (sum, { data }) => sum + (data as { readonly cents: number }).cents
  )

const program = (at: (name: string) => string) =>
  Effect.gen(function* () {
    const mistake = yield* Effect.scoped(
      Effect.gen(function* () {
        const store = yield* EventStore.open(at("accounts"))
        for (let n = 1; n <= 100; n++) yield* store.append("account-1", [deposit(n)])

        // The backup shows one moment, whatever is appended meanwhile.
        const appending = Effect.forEach([101, 102, 103], (n) => store.append("account-1", [deposit(n)]))
        const [first] = yield* Effect.all([store.lib.backup(at("backup")), appending], { concurrency: 2 })
        yield* Console.log(`Backed up: ${first.place.position} events, ${first.copied.bytes} bytes.`)
        assert.ok(first.place.position >= 100)

        const { firstPosition } = yield* store.append("account-1", [deposit(1_000_000)])
        const second = yield* store.lib.backup(at("backup"))
        assert.equal(second.place.position, 104)
        yield* Console.log(`Backed up again, with the mistake at position ${firstPosition}.`)
        return firstPosition
      })
    )

    const refused = yield* Effect.flip(Effect.scoped(EventStore.open(at("backup"))))
    assert.equal(refused._tag, "LibIsBackup")
    yield* Console.log(`Not to be written to: ${refused._tag}.`)

    const { from, place } = yield* Lib.restore(at("backup"), at("restored"), { upTo: mistake })
    yield* Effect.scoped(
      Effect.gen(function* () {
        const store = yield* EventStore.open(at("restored"))
        assert.equal(yield* balance(store), (103 * 104) / 2)
        const { lib } = store
        assert.equal(lib.lineage, place.lineage)
        // A read model that had handled the mistake must be rebuilt.
        assert.equal(yield* lib.contains({ lib: lib.id, lineage: from, position: mistake }), false)
        assert.equal(yield* lib.contains({ lib: lib.id, lineage: from, position: mistake - 1 }), true)
        const { lastPosition } = yield* store.append("account-1", [deposit(104)])
        assert.equal(lastPosition, mistake)
        yield* Console.log(`Restored up to position ${mistake}, and appended there.`)
      })
    )
  })

const scratch = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "litetapes-backup-"))),
  (folder) => Effect.sync(() => rmSync(folder, { recursive: true, force: true }))
)

Effect.scoped(Effect.flatMap(scratch, (folder) => program((name) => join(folder, name)))).pipe(
  Effect.provide(NodeStorage.layer),
  NodeRuntime.runMain
)

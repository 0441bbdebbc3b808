/**
 * Forgets a person on a tape from which nothing can be deleted. Personal data is encrypted with keys of each person, the
 * subject. The tape contains the ciphertext, and the keys are kept elsewhere. Once the keys are destroyed, nobody can read
 * the data of their subject any more, in any copy or backup of the tape. The tape itself does not change: it verifies,
 * and still matches the heads that were taken before.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as Category from "litetapes/Category"
import * as Erasable from "litetapes/Erasable"
import * as EventStore from "litetapes/EventStore"
import * as KeyStore from "litetapes/KeyStore"
import * as Lib from "litetapes/Lib"
import * as NodeDisk from "litetapes/NodeDisk"
import * as NodeStorage from "litetapes/NodeStorage"
import * as Tape from "litetapes/Tape"
import * as assert from "node:assert/strict"
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

// Facts that are needed even without the person are not encrypted: that somebody registered, when, from which country.
// The subject is a random id, because a name in a stream's name, a tag or a key could never be forgotten.
const Customer = Category.make("customer", {
  CustomerRegistered: Schema.Struct({
    customer: Schema.NonEmptyString,
    country: Schema.String,
    name: Erasable.field(Schema.String, { subject: "customer" })
  }),
  AddressChanged: Schema.Struct({
    customer: Schema.NonEmptyString,
    street: Erasable.field(Schema.String, { subject: "customer" })
  })
})

/** Returns what is known of a customer. The compiler knows that it may be erased. */
const say = (customer: string) =>
  Effect.map(Stream.runCollect(Customer.read(customer)), (events) =>
    events
      .map(({ type, data }) => {
        const value = "name" in data ? data.name : data.street
        return `${type}: ${Erasable.isErased(value) ? "forgotten" : value}`
      })
      .join("; ")
  )

const program = Effect.fnUntraced(function* (folder: string, backup: string) {
  const [ada, grace] = [crypto.randomUUID(), crypto.randomUUID()]
  for (const [customer, country, name] of [
    [ada, "GB", "Ada Lovelace"],
    [grace, "US", "Grace Hopper"]
  ] as const) {
    yield* Customer.append(
      customer,
      [
        { type: "CustomerRegistered", data: { customer, country, name } },
        { type: "AddressChanged", data: { customer, street: `${name}'s street` } }
      ],
      { expected: "no-stream" }
    )
  }
  const lib = yield* Lib.Lib
  const tape = yield* Tape.make("customer")
  const kept = yield* tape.head
  yield* lib.backup(backup)
  yield* Console.log(`Ada:   ${yield* say(ada)}`)

  for (const name of readdirSync(folder, { recursive: true, encoding: "utf8" })) {
    const file = join(folder, name)
    if (name === "litelib.lock" || !statSync(file).isFile()) continue
    assert.ok(!/Lovelace|Hopper/.test(readFileSync(file, "latin1")), `${name} contains the name of a person`)
  }
  yield* Console.log("No file of the lib contains a name.")

  const keys = yield* KeyStore.KeyStore
  yield* keys.forget(ada)
  assert.equal(yield* say(ada), "CustomerRegistered: forgotten; AddressChanged: forgotten")
  yield* Console.log(`Ada:   ${yield* say(ada)}`)
  yield* Console.log(`Grace: ${yield* say(grace)}`)
  const inBackup = Effect.provide(say(ada), EventStore.layer(backup, { mode: "read" }))
  yield* Console.log(`Ada, in the backup: ${yield* inBackup}`)

  // Nothing has changed on the tape, so a head that somebody kept still matches.
  assert.ok((yield* lib.verify()).ok)
  yield* tape.checkHead(kept)
  yield* Console.log(`The tape verifies, and still has the root ${kept.root.slice(0, 16)}…`)
})

const folder = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "litetapes-erasure-"))),
  (made) => Effect.sync(() => rmSync(made, { recursive: true, force: true }))
)

Effect.gen(function* () {
  const made = yield* folder
  const lib = join(made, "lib")
  yield* Effect.provide(program(lib, join(made, "backup")), [
    EventStore.layer(lib),
    KeyStore.layerFolder(join(made, "keys"))
  ])
}).pipe(Effect.scoped, Effect.provide([NodeStorage.layer, NodeDisk.layer]), NodeRuntime.runMain)

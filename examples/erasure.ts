/**
 * Forgets a person on a tape from which nothing can be deleted. Personal data is encrypted with one key for each
 * person, the subject. The tape contains the ciphertext, and the keys are kept elsewhere. Once a key is destroyed,
 * nobody can read the data of its subject any more, in any copy or backup of the tape. The tape itself does not change:
 * it verifies, and still matches the heads that were taken before.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as Category from "litetapes/Category"
import * as EventStore from "litetapes/EventStore"
import * as Lib from "litetapes/Lib"
import * as NodeStorage from "litetapes/NodeStorage"
import * as Tape from "litetapes/Tape"
import * as assert from "node:assert/strict"
import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto"
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

/**
 * Keys of the subjects, outside of the lib. This example keeps them in files. A key management service is better: it
 * can destroy a key, whereas the content of a deleted file may survive on the disk and in backups.
 */
class Keys {
  readonly #folder: string

  constructor(folder: string) {
    mkdirSync(folder, { mode: 0o700 })
    this.#folder = folder
  }

  make(subject: string): Buffer {
    const key = randomBytes(32)
    writeFileSync(this.#fileOf(subject), key, { flag: "wx", mode: 0o600 })
    return key
  }

  find(subject: string): Buffer | undefined {
    const file = this.#fileOf(subject)
    return statSync(file, { throwIfNoEntry: false }) === undefined ? undefined : readFileSync(file)
  }

  destroy(subject: string): void {
    rmSync(this.#fileOf(subject))
  }

  #fileOf(subject: string): string {
    return join(this.#folder, `${Buffer.from(subject).toString("hex")}.key`)
  }
}

/** Encrypts with AES-256-GCM (NIST SP 800-38D): a fresh nonce of 12 bytes, a tag of 16 bytes, then the ciphertext. */
const seal = (key: Buffer, subject: string, value: unknown): string => {
  const nonce = randomBytes(12)
  // Binds the text to its subject, so that it cannot be passed off as that of another one.
  const cipher = createCipheriv("aes-256-gcm", key, nonce).setAAD(Buffer.from(subject))
  const sealed = Buffer.concat([cipher.update(JSON.stringify(value), "utf8"), cipher.final()])
  return Buffer.concat([nonce, cipher.getAuthTag(), sealed]).toString("base64")
}

const unseal = (key: Buffer, subject: string, text: string): unknown => {
  const bytes = Buffer.from(text, "base64")
  const decipher = createDecipheriv("aes-256-gcm", key, bytes.subarray(0, 12), { authTagLength: 16 })
  decipher.setAAD(Buffer.from(subject)).setAuthTag(bytes.subarray(12, 28))
  return JSON.parse(Buffer.concat([decipher.update(bytes.subarray(28)), decipher.final()]).toString("utf8"))
}

// Facts that are needed even without the person are not encrypted: that somebody registered, when, from which country.
// The subject is a random id, because a name in a stream's name, a tag or a key could never be forgotten.
const Customer = Category.make("customer", {
  CustomerRegistered: Schema.Struct({ country: Schema.String, sealed: Schema.String }),
  AddressChanged: Schema.Struct({ sealed: Schema.String })
})

const say = Effect.fnUntraced(function* (keys: Keys, subject: string) {
  const told: Array<string> = []
  yield* Stream.runForEach(Customer.read(subject), ({ type, data }) =>
    Effect.sync(() => {
      const key = keys.find(subject)
      told.push(`${type}: ${key === undefined ? "forgotten" : JSON.stringify(unseal(key, subject, data.sealed))}`)
    })
  )
  return told
})

const program = Effect.fnUntraced(function* (folder: string, keys: Keys) {
  const [ada, grace] = [crypto.randomUUID(), crypto.randomUUID()]
  for (const [subject, country, name] of [
    [ada, "GB", "Ada Lovelace"],
    [grace, "US", "Grace Hopper"]
  ] as const) {
    const key = keys.make(subject)
    const registered = { country, sealed: seal(key, subject, { name }) }
    const moved = { sealed: seal(key, subject, { street: `${name}'s street` }) }
    yield* Customer.append(
      subject,
      [
        { type: "CustomerRegistered", data: registered },
        { type: "AddressChanged", data: moved }
      ],
      { expected: "no-stream" }
    )
  }
  const lib = yield* Lib.Lib
  const tape = yield* Tape.make("customer")
  const kept = yield* tape.head
  yield* Console.log(`Ada:   ${(yield* say(keys, ada)).join("; ")}`)

  for (const name of readdirSync(folder, { recursive: true, encoding: "utf8" })) {
    const file = join(folder, name)
    if (name === "litelib.lock" || !statSync(file).isFile()) continue
    assert.ok(!/Lovelace|Hopper/.test(readFileSync(file, "latin1")), `${name} contains the name of a person`)
  }
  yield* Console.log("No file of the lib contains a name.")

  keys.destroy(ada)
  assert.deepEqual(yield* say(keys, ada), ["CustomerRegistered: forgotten", "AddressChanged: forgotten"])
  yield* Console.log(`Ada:   ${(yield* say(keys, ada)).join("; ")}`)
  yield* Console.log(`Grace: ${(yield* say(keys, grace)).join("; ")}`)

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
  yield* Effect.provide(program(lib, new Keys(join(made, "keys"))), EventStore.layer(lib))
}).pipe(Effect.scoped, Effect.provide(NodeStorage.layer), NodeRuntime.runMain)

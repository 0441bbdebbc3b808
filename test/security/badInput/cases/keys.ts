/** Keys of subjects in a folder, and what was encrypted with them: damaged, moved, or open to others. */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as fs from "node:fs"
import * as path from "node:path"
import * as Category from "litetapes/Category"
import * as Erasable from "litetapes/Erasable"
import * as EventStore from "litetapes/EventStore"
import * as KeyStore from "litetapes/KeyStore"
import * as NodeDisk from "litetapes/NodeDisk"
import { storeOf, withLib } from "../../../support/openLib.ts"
import type { Case, Cases } from "../table.ts"

const Person = Category.make("person", {
  Named: Schema.Struct({ who: Schema.String, name: Erasable.field(Schema.String, { subject: "who" }) })
})

/** Changes the only key file at this path. */
type Change = (file: string) => void

/** Appends an event, changes its key or what is stored, and reads it. */
const changed = (
  name: string,
  error: string,
  says: RegExp,
  change: Change,
  stored: (data: object) => object = (data) => data
): Case => ({
  name,
  error,
  says,
  give: ({ place, storage }) => {
    const folder = place()
    return withLib<unknown, unknown>(storage, place(), (lib) =>
      Effect.gen(function* () {
        const store = yield* storeOf(lib)
        yield* Person.append("1", [{ type: "Named", data: { who: "ada", name: "Ada" } }])
        const [event] = yield* Stream.runCollect(store.read("person-1"))
        const { data, id } = event!
        yield* store.append("person-2", [{ type: "Named", id, data: stored(data as object) }])
        change(
          path.join(
            folder,
            fs.readdirSync(folder).find((file) => file.endsWith(".json"))!
          )
        )
        yield* Stream.runDrain(Person.readAll())
      }).pipe(
        Effect.provideServiceEffect(EventStore.EventStore, storeOf(lib)),
        Effect.provide(KeyStore.layerFolder(folder)),
        Effect.provide(NodeDisk.layer)
      )
    )
  }
})

const nothing: Change = () => undefined

const entryOf = (file: string) =>
  JSON.parse(fs.readFileSync(file, "utf8")) as { readonly keys: ReadonlyArray<{ readonly key: string }> }

const withKey = (file: string, key: Buffer): void =>
  fs.writeFileSync(file, JSON.stringify({ ...entryOf(file), keys: [{ version: 1, key: key.toString("base64") }] }))

const keyIn = (file: string): Buffer => Buffer.from(entryOf(file).keys[0]!.key, "base64")

const keys: ReadonlyArray<Case> = [
  changed("cut off", "failed", /not an entry of a KeyStore: it is not JSON; restore/, (file) =>
    fs.truncateSync(file, 40)
  ),
  changed("a key that is too short", "failed", /key 1 has 31 bytes, not 32/, (file) =>
    withKey(file, keyIn(file).subarray(1))
  ),
  changed("a key that is too long", "failed", /key 1 has 33 bytes, not 32/, (file) =>
    withKey(file, Buffer.concat([keyIn(file), Buffer.alloc(1)]))
  ),
  changed("of another subject", "failed", /its subject is "grace", not "ada"/, (file) =>
    fs.writeFileSync(file, fs.readFileSync(file, "utf8").replace("ada", "grace"))
  ),
  changed("larger than 1 MiB", "too-large", /1048577/, (file) => fs.truncateSync(file, 1024 * 1024 + 1)),
  changed("readable by others", "unsafe", /mode is 644.*chmod 600/, (file) => fs.chmodSync(file, 0o644)),
  changed("a link", "unsafe", /links are not followed/, (file) => {
    fs.renameSync(file, `${file}.moved`)
    fs.symlinkSync(`${file}.moved`, file)
  }),
  changed("another key", "EventSchemaError", /cannot be decrypted with key 1/, (file) =>
    withKey(file, Buffer.alloc(32))
  ),
  changed("no key", "EventSchemaError", /key 1, which the KeyStore does not have/, (file) => fs.unlinkSync(file)),
  changed("ciphertext of another stream", "EventSchemaError", /moved from another event or field/, nothing),
  changed(
    "a version that no key has",
    "EventSchemaError",
    /key 2, which the KeyStore does not have/,
    nothing,
    (data) => {
      const { name, ...rest } = data as { readonly name: object }
      return { ...rest, name: { ...name, key: 2 } }
    }
  ),
  {
    name: "a folder in the lib",
    error: "InvalidArgument",
    says: /in the lib at .*choose a folder outside of it/,
    give: ({ place, storage }) => {
      const location = place()
      return withLib<unknown, unknown>(storage, location, () =>
        Effect.provide(KeyStore.makeFolder(path.join(location, "keys")), NodeDisk.layer)
      )
    }
  }
]

export const keyCases: Cases = { keys }

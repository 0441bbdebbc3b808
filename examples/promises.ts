/** The event store with promises and async iterables, for programs that do not use Effect. */
import * as Schema from "effect/Schema"
import * as Category from "litetapes/Category"
import { WrongExpectedRevision } from "litetapes/EventErrors"
import * as PromiseStore from "litetapes/PromiseStore"
import * as assert from "node:assert/strict"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

const Account = Category.make("account", {
  Opened: Schema.Struct({ owner: Schema.String }),
  Deposited: Schema.Struct({ cents: Schema.Int })
})

const folder = mkdtempSync(join(tmpdir(), "litetapes-promises-"))
try {
  await main(join(folder, "lib"))
  await operate(join(folder, "lib"), join(folder, "backup"))
} finally {
  rmSync(folder, { recursive: true, force: true })
}

async function main(location: string): Promise<void> {
  {
    // Closes the store at the end of the block and waits for that: then everything is in segments and the lock is free.
    // `await using` needs Node 24 or a compiler. On Node 22 call `await store.close()` in `finally`.
    await using store = await PromiseStore.open(location)
    const placed = await store.append("order-17", [{ type: "OrderPlaced", data: { cents: 3998 } }], {
      expected: "no-stream"
    })
    console.log(`Appended at revision ${placed.lastRevision}, position ${placed.lastPosition}.`)

    // A caller that has not seen the first event is refused. The error contains what it needs to decide again.
    const error: unknown = await store
      .append("order-17", [{ type: "OrderPlaced", data: { cents: 1 } }], { expected: "no-stream" })
      .catch((refusal: unknown) => refusal)
    assert.ok(error instanceof WrongExpectedRevision)
    console.log(`Refused: expected ${error.expected}, but the stream is at ${error.actual}.`)

    // With an id, an append can be repeated: the second one appends nothing and returns the result of the first one.
    const paid = [{ type: "OrderPaid", data: { cents: 3998 }, id: "payment-4711" }]
    const first = await store.append("order-17", paid, { expected: placed.lastRevision })
    const again = await store.append("order-17", paid, { expected: placed.lastRevision })
    assert.equal(again.repeated, true)
    assert.equal(again.lastRevision, first.lastRevision)
    console.log("Appended the payment twice: it is there once.")

    // A category checks events when they are appended and read, and knows their types.
    const accounts = store.category(Account)
    await accounts.append("ada", [{ type: "Opened", data: { owner: "Ada" } }], { expected: "no-stream" })
    await accounts.append("ada", [{ type: "Deposited", data: { cents: 500 } }])
    let balance = 0
    for await (const event of accounts.read("ada")) if (event.type === "Deposited") balance += event.data.cents
    assert.equal(balance, 500)

    const audit = await store.tape("audit")
    await audit.append([{ $type: "Note", text: "a tape for records that are not events" }])
  }

  await using store = await PromiseStore.open(location, { mode: "read" })
  for await (const event of store.readAll({ filter: { categories: ["order"] } })) {
    console.log(`${event.position} ${event.stream}@${event.revision} ${event.type} ${JSON.stringify(event.data)}`)
  }
  assert.equal(await store.position(), 4)
  console.log("Read back by a reader.")
}

/** A reader that follows a writer, calls that are aborted, and a backup that is checked and restored. */
async function operate(location: string, backup: string): Promise<void> {
  await using writer = await PromiseStore.open(location)
  await using reader = await PromiseStore.open(location, { mode: "read" })
  await writer.append("order-18", [{ type: "OrderPlaced", data: { cents: 250 } }])
  assert.equal(await reader.revision("order-18"), "no-stream")
  await reader.refresh()
  assert.equal(await reader.revision("order-18"), 0)
  console.log("The reader saw the new event after a refresh.")

  // An aborted append says whether it may have been stored. Here it was aborted before it began.
  const signal = AbortSignal.abort(new Error("the customer closed the page"))
  const error: unknown = await writer
    .append("order-18", [{ type: "OrderPaid", id: "payment-4712", data: { cents: 250 } }], { signal })
    .catch((aborted: unknown) => aborted)
  assert.ok(error instanceof PromiseStore.Aborted)
  console.log(`Aborted; it may be stored: ${error.mayBeCommitted}.`)

  const orders = await writer.tape("order")
  const head = await orders.head() // keep it elsewhere: it proves later that these records are unchanged
  const { copied } = await writer.backup(backup, { signal: AbortSignal.timeout(60_000) })
  const restored = `${backup}-restored`
  await PromiseStore.restore(backup, restored)
  await using copy = await PromiseStore.open(restored)
  const { bad, ok } = await copy.verify()
  assert.ok(ok, bad[0]?.why)
  await (await copy.tape("order")).checkHead(head)
  console.log(`Backed up ${copied.segments} segments, restored them, and verified the result.`)
}

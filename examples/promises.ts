/** The event store with promises and async iterables, for programs that do not use Effect. */
import { WrongExpectedRevision } from "litetapes/EventErrors"
import * as PromiseStore from "litetapes/PromiseStore"
import * as assert from "node:assert/strict"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

const folder = mkdtempSync(join(tmpdir(), "litetapes-promises-"))
try {
  await main(join(folder, "lib"))
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

    const audit = await store.tape("audit")
    await audit.append([{ $type: "Note", text: "a tape for records that are not events" }])
  }

  await using store = await PromiseStore.open(location, { mode: "read" })
  for await (const event of store.readAll({ filter: { categories: ["order"] } })) {
    console.log(`${event.position} ${event.stream}@${event.revision} ${event.type} ${JSON.stringify(event.data)}`)
  }
  assert.equal(await store.position(), 2)
  console.log("Read back by a reader.")
}

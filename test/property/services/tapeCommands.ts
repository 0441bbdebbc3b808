/** The operations on a lib of tapes, as commands on a model and on the real lib. */
import { assert } from "vitest"
import * as Effect from "effect/Effect"
import * as fc from "fast-check"
import type { Json, JsonObject } from "litetapes/TaraSON"
import { existingTape, tagOf, withLib } from "../../support/openLib.ts"
import { json, record } from "../../support/arbitraries.ts"
import { compareLib, compareRange, type Fraction, type Model, newTape } from "./tapeModel.ts"
import type { Real } from "./tapeReal.ts"

type Command = fc.AsyncCommand<Model, Real>

interface Named {
  readonly name: string
}

const names = ["alpha", "beta", "gamma", "delta"]

/** Returns the tape that a command means, one of the model's. */
const chosen = (model: Model, { name }: Named): string => {
  const known = [...model.keys()]
  return known[names.indexOf(name) % known.length]!
}

const command = (
  text: string,
  run: (model: Model, real: Real) => Promise<void>,
  check: (model: Readonly<Model>) => boolean = (model) => model.size > 0
): Command => ({ check, run, toString: () => text })

const create = ({ name }: Named): Command =>
  command(
    `create ${name}`,
    async (model, { lib }) => {
      if (model.has(name)) {
        assert.strictEqual(await Effect.runPromise(tagOf(lib.createTape(name))), "TapeExists")
        return
      }
      const listed = await Effect.runPromise(lib.createTape(name))
      assert.deepInclude(listed, { name, role: "records", state: "active" })
      model.set(name, newTape())
    },
    () => true
  )

interface Part extends Named {
  readonly records: ReadonlyArray<JsonObject>
}

const append = (part: Part): Command =>
  command(`append ${part.records.length} to ${part.name}`, async (model, { lib }) => {
    const name = chosen(model, part)
    const expected = model.get(name)!
    const tape = await Effect.runPromise(existingTape(lib, name))
    if (expected.state === "archived") {
      assert.strictEqual(await Effect.runPromise(tagOf(tape.append(part.records))), "TapeArchived")
      return
    }
    const receipt = await Effect.runPromise(tape.append(part.records))
    const { batch } = await Effect.runPromise(lib.durable)
    assert.deepStrictEqual(receipt, {
      tape: name,
      firstOrdinal: expected.records.length,
      records: part.records.length,
      batch
    })
    expected.records.push(...part.records)
  })

const commit = (parts: ReadonlyArray<Part>): Command =>
  command(`commit ${parts.map(({ name, records }) => `${records.length} to ${name}`).join(", ")}`, (model, { lib }) => {
    const appends = parts.map((part) => ({ tape: chosen(model, part), records: part.records }))
    return commitAll(model, lib, appends)
  })

type Appends = ReadonlyArray<{ readonly tape: string; readonly records: ReadonlyArray<JsonObject> }>

const commitAll = async (model: Model, lib: Real["lib"], appends: Appends): Promise<void> => {
  if (appends.some(({ tape }) => model.get(tape)!.state === "archived")) {
    assert.strictEqual(await Effect.runPromise(tagOf(lib.commit(appends))), "TapeArchived")
    return
  }
  const receipts = await Effect.runPromise(lib.commit(appends))
  const { batch } = await Effect.runPromise(lib.durable)
  for (const [index, { tape, records }] of appends.entries()) {
    const expected = model.get(tape)!
    const receipt = receipts[index]!
    assert.deepInclude(receipt, { tape, records: records.length, batch })
    if (records.length > 0) assert.strictEqual(receipt.firstOrdinal, expected.records.length)
    expected.records.push(...records)
  }
  assert.strictEqual(receipts.length, appends.length)
}

/** Runs appends concurrently: each gets its own place, and its records are contiguous. */
const concurrent = (parts: ReadonlyArray<Part>): Command =>
  command(`${parts.length} appends at once`, async (model, { lib }) => {
    const wanted = parts
      .map((part) => ({ tape: chosen(model, part), records: part.records }))
      .filter(({ tape, records }) => model.get(tape)!.state === "active" && records.length > 0)
    const each = wanted.map((one) => Effect.map(lib.commit([one]), ([receipt]) => ({ ...one, receipt: receipt! })))
    const done = await Effect.runPromise(Effect.all(each, { concurrency: "unbounded" }))
    for (const one of done.toSorted((a, b) => a.receipt.firstOrdinal - b.receipt.firstOrdinal)) {
      const expected = model.get(one.tape)!
      assert.strictEqual(one.receipt.firstOrdinal, expected.records.length)
      expected.records.push(...one.records)
    }
  })

const flush = (named: Named): Command =>
  command(`flush ${named.name}`, async (model, { lib }) => {
    const name = chosen(model, named)
    const tape = await Effect.runPromise(existingTape(lib, name))
    await Effect.runPromise(tape.appendSegment)
    const segments = await Effect.runPromise(tape.segments)
    const closed = segments.reduce((sum, segment) => sum + segment.records, 0)
    assert.strictEqual(closed, model.get(name)!.records.length)
    assert.isUndefined(await Effect.runPromise(tape.appendSegment))
  })

const setState = (named: Named, state: "active" | "archived"): Command =>
  command(`${named.name} becomes ${state}`, async (model, { lib }) => {
    const name = chosen(model, named)
    await Effect.runPromise(state === "active" ? lib.activate(name) : lib.archive(name))
    model.get(name)!.state = state
  })

const setUserMeta = (named: Named, key: string, value: Json | undefined): Command =>
  command(`user meta ${JSON.stringify(key)} of ${named.name}`, async (model, { lib }) => {
    const name = chosen(model, named)
    const tape = await Effect.runPromise(existingTape(lib, name))
    const { userMeta } = model.get(name)!
    if (value === undefined) {
      await Effect.runPromise(tape.removeUserMeta(key))
      userMeta.delete(key)
    } else {
      await Effect.runPromise(tape.setUserMeta(key, value))
      userMeta.set(key, value)
    }
  })

const read = (named: Named, range: Fraction): Command =>
  command(`read ${named.name}`, (model, { lib }) => {
    const name = chosen(model, named)
    return Effect.runPromise(compareRange(lib, name, model.get(name)!.records, range))
  })

/** Opens a reader, which sees the acknowledged records while the writer closes and drops dynamic segments. */
const readBeside: Command = command(
  "open a reader",
  (model, { readers }) => {
    const look = (lib: Real["lib"]) => compareLib(lib, model, [])
    return Effect.runPromise(withLib(readers.storage, readers.place, look, { mode: "read" }))
  },
  () => true
)

const compare = (ranges: ReadonlyArray<Fraction>): Command =>
  command("compare everything", (model, { lib }) => Effect.runPromise(compareLib(lib, model, ranges)))

const always = () => true
const waitForCloses: Command = command("wait for closes", (_, real) => real.closed(), always)
const reopen: Command = command("close and reopen", (_, real) => real.reopen(), always)
const crash: Command = command("crash and reopen", (_, real) => real.crash(), always)

const named = fc.constantFrom(...names).map((name): Named => ({ name }))
const padded = fc.nat(600).map((length): JsonObject => ({ $type: "Padded", text: "x".repeat(length) }))
const records = fc.array(fc.oneof({ weight: 3, arbitrary: padded }, { weight: 1, arbitrary: record }), { maxLength: 6 })
const part = fc.tuple(named, records).map(([{ name }, given]): Part => ({ name, records: given.map(plain) }))
const parts = fc.array(part, { minLength: 1, maxLength: 5 })
const fraction = fc.record({ from: fraction01(), to: fraction01() })
/** A system record must not have a key of that name. */
const userValue = json.filter((value) => !JSON.stringify(value).includes('"constructor":'))
const key = fc.constantFrom("segments", "records", "tape", "note", "__proto__")

function fraction01(): fc.Arbitrary<number> {
  return fc.integer({ min: 0, max: 64 }).map((n) => n / 64)
}

/** Returns the value as JSON returns it, where some different values become equal. */
function plain<A extends Json>(value: A): A {
  return JSON.parse(JSON.stringify(value)) as A
}

export const commands = fc.commands(
  [
    named.map(create),
    ...Array.from({ length: 5 }, () => part.map(append)),
    ...Array.from({ length: 3 }, () => parts.map(commit)),
    ...Array.from({ length: 3 }, () => parts.map(concurrent)),
    named.map(flush),
    named.map((tape) => setState(tape, "archived")),
    named.map((tape) => setState(tape, "active")),
    fc
      .tuple(named, key, fc.option(userValue, { nil: undefined }))
      .map(([tape, name, value]) => setUserMeta(tape, name, value === undefined ? undefined : plain(value))),
    fc.tuple(named, fraction).map(([tape, range]) => read(tape, range)),
    fc.array(fraction, { maxLength: 3 }).map(compare),
    fc.constant(readBeside),
    fc.constant(waitForCloses),
    fc.constant(reopen),
    fc.constant(crash)
  ],
  { size: "+1", maxCommands: 60 }
)

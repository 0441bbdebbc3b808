/**
 * Runs such a sequence on two libs, with plain arrays as the model. After any operation, the stream of every tape
 * equals its array. The results of repack, clone and recover are equivalent to their input, or the operation is
 * refused.
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as Lib from "litetapes/Lib"
import * as Merkle from "litetapes/Merkle"
import { Storage } from "litetapes/Storage"
import * as Tape from "litetapes/Tape"
import * as TaraSON from "litetapes/TaraSON"
import { assert } from "vitest"
import { isAmbiguous } from "./ambiguity.ts"
import { copyLib } from "./copyLib.ts"
import { hiding, type Hiding } from "./hidingStorage.ts"
import { existingTape, openSession, type Session, type StorageService, withLib } from "./openLib.ts"
import type { Op, Records } from "./transformOps.ts"
import { watched, type Watched } from "./watchedStorage.ts"
import * as IndexFiles from "../../src/services/segment/IndexFiles.ts"

const options: Lib.Options = { closeBytes: 4096, backlogMax: 2 }

/** The most tapes of a lib. With more, almost all would be clones of clones. */
const tapesMax = 5

interface Library {
  place: string
  watch: Watched
  session: Session
  readonly model: Map<string, TaraSON.JsonObject[]>
}

/** Counts of events that every run of a property should contain. */
export type Counts = { recovered: number; ambiguous: number; repacked: number; cloned: number }

export const rootOf = (records: Records): string => {
  const tree = new Merkle.Accumulator()
  for (const record of records) tree.add(TaraSON.toBytes(TaraSON.encode(record)))
  return tree.root()
}

export class TransformRun {
  readonly #base: StorageService
  readonly #hiding: Hiding
  readonly counts: Counts
  #libs: [Library, Library] | undefined
  #places = 0
  #names = 0

  constructor(base: StorageService, counts: Counts) {
    this.#base = base
    this.#hiding = hiding(base)
    this.counts = counts
  }

  /** Runs all operations, then compares both libs, closes and opens them, and compares again. */
  all(ops: ReadonlyArray<Op>) {
    return Effect.gen({ self: this }, function* () {
      this.#libs = [yield* this.#create, yield* this.#create]
      for (const op of ops) yield* this.#step(op)
      for (const lib of this.#libs) {
        yield* this.#compareAll(lib)
        yield* this.#reopen(lib)
        yield* this.#compareAll(lib)
        const report = yield* lib.session.lib.verify()
        assert.deepStrictEqual(report.bad, [])
      }
    }).pipe(Effect.ensuring(Effect.suspend(() => this.#end)))
  }

  readonly #end = Effect.suspend(() =>
    Effect.forEach(this.#libs ?? [], ({ session }) => session.close, { discard: true })
  )

  readonly #create = Effect.gen({ self: this }, function* () {
    const place = this.#newPlace()
    const watch = watched(this.#hiding.storage)
    const session = yield* openSession(watch.storage, place, options)
    const name = this.#newName()
    yield* session.lib.createTape(name)
    const library: Library = { place, watch, session, model: new Map([[name, []]]) }
    return library
  })

  #newPlace(): string {
    return `place-${(this.#places += 1)}`
  }

  #newName(): string {
    return `tape-${(this.#names += 1)}`
  }

  readonly #step = Effect.fnUntraced({ self: this }, function* (this: TransformRun, op: Op) {
    const lib = this.#libs![op.lib]!
    switch (op.op) {
      case "append":
        return yield* this.#commit(lib, [[op.tape, op.records]])
      case "commit":
        return yield* this.#commit(lib, op.parts)
      case "flush": {
        const [, tape] = yield* this.#choose(lib, op.tape)
        yield* tape.appendSegment
        return
      }
      case "verify": {
        const [name, tape] = yield* this.#choose(lib, op.tape)
        assert.deepStrictEqual((yield* tape.verify()).bad, [])
        return yield* this.#compare(lib, name)
      }
      case "repack":
        return yield* this.#repack(lib, op.tape, op.options)
      case "beside":
        return yield* this.#repackBeside(lib, op.tape, op.options, op.records)
      case "clone":
        return yield* this.#clone(lib, op.tape, this.#libs![op.to]!)
      case "reopen":
        return yield* this.#reopen(lib)
      case "crash":
        return yield* this.#crash(lib)
      case "recover":
        return yield* this.#recover(lib, op.tape, op.crash, op.indexes)
      case "recoverLib":
        return yield* this.#recoverLib(lib, op.crash)
    }
  })

  readonly #choose = Effect.fnUntraced(function* (lib: Library, pick: number) {
    const name = [...lib.model.keys()][pick % lib.model.size]!
    return [name, yield* existingTape(lib.session.lib, name)] as const
  })

  readonly #commit = Effect.fnUntraced(function* (lib: Library, parts: ReadonlyArray<readonly [number, Records]>) {
    const names = [...lib.model.keys()]
    const appends = parts.map(([pick, records]) => ({ tape: names[pick % names.length]!, records }))
    const receipts = yield* lib.session.lib.commit(appends)
    for (const [index, { tape, records }] of appends.entries()) {
      const model = lib.model.get(tape)!
      assert.strictEqual(receipts[index]!.firstOrdinal, model.length)
      model.push(...records)
    }
  })

  readonly #repack = Effect.fnUntraced(
    { self: this },
    function* (this: TransformRun, lib: Library, pick: number, options: Tape.RepackOptions) {
      const [name, tape] = yield* this.#choose(lib, pick)
      const before = yield* tape.head
      assert.strictEqual(before.root, rootOf(lib.model.get(name)!))
      const report = yield* tape.repack(options)
      assert.deepStrictEqual(yield* tape.head, before)
      if (report.added.length > 0) assert.strictEqual(report.root, before.root)
      this.counts.repacked += report.added.length > 0 ? 1 : 0
      yield* this.#compare(lib, name)
    }
  )

  readonly #repackBeside = Effect.fnUntraced(
    { self: this },
    function* (this: TransformRun, lib: Library, pick: number, options: Tape.RepackOptions, records: Records) {
      const [name, tape] = yield* this.#choose(lib, pick)
      const model = lib.model.get(name)!
      const append = Effect.forEach(records, (record) =>
        Effect.andThen(
          Effect.map(tape.append([record]), () => model.push(record)),
          tape.appendSegment
        )
      )
      yield* Effect.all([tape.repack(options), append], { concurrency: "unbounded" })
      yield* this.#compare(lib, name)
    }
  )

  readonly #clone = Effect.fnUntraced(
    { self: this },
    function* (this: TransformRun, lib: Library, pick: number, to: Library) {
      if (to.model.size >= tapesMax) return
      const [name, tape] = yield* this.#choose(lib, pick)
      const as = this.#newName()
      const listed = yield* tape.clone(to.session.lib, as)
      assert.deepInclude(listed, { name: as, role: "records", state: "active" })
      assert.notStrictEqual(listed.tape, tape.id)
      to.model.set(as, [...lib.model.get(name)!])
      const clone = yield* existingTape(to.session.lib, as)
      assert.isTrue(yield* Tape.equivalent(tape, clone))
      assert.isUndefined(yield* Tape.diff(tape, clone))
      const { origin } = yield* clone.meta
      const { records, root } = yield* tape.head
      const { lib: fromLib, tape: fromTape } = yield* tape.meta
      assert.deepStrictEqual(origin, { kind: "cloned", lib: fromLib, records, root, tape: fromTape })
      this.counts.cloned += 1
      yield* this.#compare(to, as)
    }
  )

  readonly #reopen = Effect.fnUntraced({ self: this }, function* (this: TransformRun, lib: Library) {
    yield* lib.session.close
    yield* this.#open(lib)
    assert.isFalse(lib.session.lib.report.recovered)
  })

  /** Continues with a copy that was made while the writer was at work. */
  readonly #crash = Effect.fnUntraced({ self: this }, function* (this: TransformRun, lib: Library) {
    yield* this.#copyLive(lib)
    yield* this.#open(lib)
    assert.isTrue(lib.session.lib.report.recovered)
  })

  readonly #copyLive = Effect.fnUntraced({ self: this }, function* (this: TransformRun, lib: Library) {
    const copied = this.#newPlace()
    yield* lib.watch.frozen(copyLib(this.#base, lib.place, copied))
    yield* lib.session.close
    lib.place = copied
  })

  readonly #open = Effect.fnUntraced({ self: this }, function* (this: TransformRun, lib: Library) {
    lib.watch = watched(this.#hiding.storage)
    lib.session = yield* openSession(lib.watch.storage, lib.place, options)
  })

  /** A tape that is undamaged except for its meta is recovered as it was, unless its files are ambiguous. */
  readonly #recover = Effect.fnUntraced(
    { self: this },
    function* (this: TransformRun, lib: Library, pick: number, crash: boolean, indexes: boolean) {
      const [name, { id }] = yield* this.#choose(lib, pick)
      if (crash) yield* this.#copyLive(lib)
      else yield* lib.session.close
      const segments = yield* this.#segmentsOf(lib, name)
      const unlisted = yield* this.#unlistedOf(lib, name)
      if (!indexes) yield* this.#removeIndexes(lib, name)
      this.#hiding.hide(lib.place, name)
      yield* this.#open(lib)
      const result = yield* Effect.result(lib.session.lib.recoverTape(name))
      if (result._tag === "Failure") {
        assert.strictEqual(result.failure._tag, "RecoverAmbiguous")
        const behind = lib.model
          .get(name)!
          .slice(segments.flat().length)
          .map((record) => TaraSON.encode(record))
        assert.isTrue(isAmbiguous(segments, behind, indexes), "ambiguous, and nothing is there twice")
        this.counts.ambiguous += 1
        yield* lib.session.close
        this.#hiding.show(lib.place, name)
        return yield* this.#open(lib)
      }
      const report = result.success
      const { length } = lib.model.get(name)!
      assert.deepInclude(report, { name, replaces: id, records: length, lost: [], gaps: [] })
      // Only a merge or a repack that the crash interrupted leaves files that repeat each other.
      if (!crash || unlisted.length === 0) assert.deepStrictEqual(report.dropped, [])
      assert.notStrictEqual(report.tape, id)
      const tape = yield* existingTape(lib.session.lib, name)
      assert.strictEqual(tape.id, report.tape)
      assert.deepStrictEqual((yield* tape.meta).origin, { kind: "recovered", tape: id })
      this.counts.recovered += 1
      yield* this.#compare(lib, name)
    }
  )

  readonly #recoverLib = Effect.fnUntraced(
    { self: this },
    function* (this: TransformRun, lib: Library, crash: boolean) {
      if (crash) yield* this.#copyLive(lib)
      else yield* lib.session.close
      this.#hiding.hide(lib.place, undefined)
      const report = yield* Effect.provideService(Lib.recover(lib.place), Storage, this.#hiding.storage)
      const found = report.tapes.map(({ name, records }) => [name, records])
      const expected = [...lib.model].map(([name, records]) => [name, records.length])
      assert.sameDeepMembers(found, expected)
      assert.deepStrictEqual(report.invalid, [])
      yield* this.#open(lib)
      assert.isFalse(lib.session.lib.report.recovered)
      yield* this.#compareAll(lib)
    }
  )

  /** Returns the records of each closed segment, as texts. */
  readonly #segmentsOf = Effect.fnUntraced({ self: this }, function* (this: TransformRun, lib: Library, name: string) {
    return yield* withLib(
      this.#base,
      lib.place,
      (reader) =>
        Effect.gen(function* () {
          const tape = yield* existingTape(reader, name)
          return yield* Effect.forEach(yield* tape.segments, ({ number }) =>
            Effect.map(Stream.runCollect(tape.readSegment(number)), (all) => all.map((one) => TaraSON.encode(one)))
          )
        }),
      { mode: "read" }
    )
  })

  /** Returns the names of the files of closed segments that the tape's meta does not list. */
  readonly #unlistedOf = Effect.fnUntraced({ self: this }, function* (this: TransformRun, lib: Library, name: string) {
    const listed = yield* withLib(
      this.#base,
      lib.place,
      (reader) =>
        Effect.flatMap(existingTape(reader, name), (tape) =>
          Effect.map(tape.segments, (all) => all.map((segment) => segment.name))
        ),
      { mode: "read" }
    )
    const files = yield* Effect.scoped(
      Effect.flatMap(this.#base.open(lib.place, "read"), (root) => root.segments.list(name))
    )
    return files.filter((file) => !listed.includes(file))
  })

  readonly #removeIndexes = Effect.fnUntraced(
    { self: this },
    function* (this: TransformRun, lib: Library, name: string) {
      yield* Effect.scoped(
        Effect.gen({ self: this }, function* () {
          const root = yield* this.#base.open(lib.place, "write")
          for (const segment of yield* root.segments.list(name)) yield* IndexFiles.remove(root.derived, name, segment)
        })
      )
    }
  )

  readonly #compareAll = Effect.fnUntraced({ self: this }, function* (this: TransformRun, lib: Library) {
    assert.sameMembers(
      (yield* lib.session.lib.tapes).map(({ name }) => name),
      [...lib.model.keys()]
    )
    for (const name of lib.model.keys()) yield* this.#compare(lib, name)
  })

  readonly #compare = Effect.fnUntraced(function* (lib: Library, name: string) {
    const tape = yield* existingTape(lib.session.lib, name)
    const records = lib.model.get(name)!
    assert.strictEqual(yield* tape.size, records.length)
    assert.deepStrictEqual(yield* Stream.runCollect(tape.records()), records)
    const reversed = yield* Stream.runCollect(tape.records({ reverse: true }))
    assert.deepStrictEqual(reversed, records.toReversed())
    let next = 0
    let number = 0
    for (const segment of yield* tape.segments) {
      assert.strictEqual(segment.firstOrdinal, next)
      assert.isAbove(segment.number, number)
      next += segment.records
      number = segment.number
    }
    assert.isAtMost(next, records.length)
  })
}

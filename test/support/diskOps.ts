/** Operations on a `Disk` as plain data, and their outcomes as plain text, for comparing one disk with another. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import * as fc from "fast-check"
import type { Disk, DiskError, File, Lock } from "../../src/services/ports/Disk.ts"

export type DiskOp =
  | { readonly op: "create" | "openRead" | "openWrite"; readonly path: string }
  | { readonly op: "makeFolder" | "removeFolder" | "unlink" | "stat" | "list" | "syncFolder"; readonly path: string }
  | { readonly op: "rename"; readonly path: string; readonly to: string }
  | { readonly op: "lock" | "release"; readonly path: string }
  | { readonly op: "write"; readonly file: number; readonly position: number; readonly bytes: string }
  | { readonly op: "read"; readonly file: number; readonly position: number; readonly length: number }
  | { readonly op: "datasync" | "sync" | "size" | "close"; readonly file: number }

/** Few paths, so that operations collide: some in folders that may be missing, one below what may be a file. */
const paths = ["a", "b", "f", "g", "f/a", "f/b", "f/g", "f/g/a"] as const

const path = fc.constantFrom(...paths)
const file = fc.nat(5)
const small = fc.nat(600)

export const diskOps: fc.Arbitrary<ReadonlyArray<DiskOp>> = fc.array(
  fc.oneof(
    { weight: 4, arbitrary: fc.record({ op: fc.constantFrom("create", "openRead", "openWrite"), path }) },
    { weight: 2, arbitrary: fc.record({ op: fc.constant("makeFolder"), path }) },
    {
      weight: 4,
      arbitrary: fc.record({ op: fc.constantFrom("removeFolder", "unlink", "stat", "list", "syncFolder"), path })
    },
    { weight: 4, arbitrary: fc.record({ op: fc.constant("rename"), path, to: path }) },
    { weight: 1, arbitrary: fc.record({ op: fc.constantFrom("lock", "lock", "release"), path }) },
    {
      weight: 4,
      arbitrary: fc.record({
        op: fc.constant("write"),
        file,
        position: small,
        bytes: fc.string({ unit: fc.constantFrom("x", "y", "z"), maxLength: 700 })
      })
    },
    { weight: 3, arbitrary: fc.record({ op: fc.constant("read"), file, position: small, length: small }) },
    { weight: 2, arbitrary: fc.record({ op: fc.constantFrom("datasync", "sync", "size", "close"), file }) }
  ) as fc.Arbitrary<DiskOp>,
  { minLength: 1, maxLength: 40 }
)

/** Runs operations under `root`, which must exist. Returns the answer of each, or its error code. */
export const outcomes = (
  disk: Disk["Service"],
  root: string,
  ops: ReadonlyArray<DiskOp>
): Effect.Effect<ReadonlyArray<string>> =>
  Effect.gen(function* () {
    const user = new User(disk, root)
    const results: Array<string> = []
    for (const op of ops) results.push(`${JSON.stringify(op).slice(0, 80)} ${yield* user.outcome(op)}`)
    yield* user.end
    return results
  })

class User {
  readonly #disk: Disk["Service"]
  readonly #root: string
  readonly #files: Array<File> = []
  readonly #locks = new Map<string, { readonly lock: Lock; readonly scope: Scope.Closeable }>()

  constructor(disk: Disk["Service"], root: string) {
    this.#disk = disk
    this.#root = root
  }

  outcome(op: DiskOp): Effect.Effect<string> {
    return Effect.map(Effect.exit(this.#run(op)), (exit) => {
      if (Exit.isSuccess(exit)) return exit.value
      const [reason] = exit.cause.reasons
      return reason?._tag === "Fail" ? reason.error.code : `dies: ${String(exit.cause)}`
    })
  }

  readonly end: Effect.Effect<void> = Effect.suspend(() =>
    Effect.andThen(
      Effect.forEach(this.#files, (file) => file.close, { discard: true }),
      Effect.forEach([...this.#locks.values()], ({ scope }) => Scope.close(scope, Exit.void), { discard: true })
    )
  )

  #run(op: DiskOp): Effect.Effect<string, DiskError> {
    const done = <E>(effect: Effect.Effect<void, E>) => Effect.as(effect, "done")
    if ("file" in op) {
      const file = this.#files[op.file % this.#files.length]
      if (file === undefined) return Effect.succeed("no file")
      if (op.op === "write") return done(file.write(Buffer.from(op.bytes), op.position))
      if (op.op === "read") {
        return Effect.map(file.read(op.position, op.length), (bytes) => Buffer.from(bytes).toString("latin1"))
      }
      return op.op === "size" ? Effect.map(file.size, String) : done(file[op.op])
    }
    const path = `${this.#root}/${op.path}`
    switch (op.op) {
      case "create":
      case "openRead":
      case "openWrite":
        return Effect.map(this.#disk[op.op](path), (file) => {
          this.#files.push(file)
          return "done"
        })
      case "rename":
        return done(this.#disk[op.op](path, `${this.#root}/${op.to}`))
      case "stat":
        return Effect.map(this.#disk.stat(path), (entry) =>
          entry === undefined ? "nothing" : `${entry.kind} ${entry.size}`
        )
      case "list":
        return Effect.map(this.#disk.list(path), (names) => names.toSorted().join(" "))
      case "lock":
        return this.#lock(path)
      case "release":
        return this.#release(path)
      default:
        return done(this.#disk[op.op](path))
    }
  }

  readonly #lock = Effect.fnUntraced({ self: this }, function* (this: User, path: string) {
    const scope = yield* Scope.make()
    const lock = yield* Effect.onError(Scope.provide(this.#disk.lock(path), scope), () => Scope.close(scope, Exit.void))
    this.#locks.set(path, { lock, scope })
    return (yield* lock.held) ? "held" : "not held"
  })

  readonly #release = Effect.fnUntraced({ self: this }, function* (this: User, path: string) {
    const locked = this.#locks.get(path)
    if (locked === undefined) return "no lock"
    const isHeld = yield* locked.lock.held
    this.#locks.delete(path)
    yield* Scope.close(locked.scope, Exit.void)
    return isHeld ? "was held" : "was lost"
  })
}

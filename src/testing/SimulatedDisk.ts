/**
 * A `Disk` in memory that is as bad as a real one may be: it loses what was not synced, fails on request, and keeps its
 * state as a value. So a test can look at every moment of a run, cut the power there, and continue with what is left.
 *
 * The calls and the options determine everything that happens: nothing depends on time or chance.
 *
 * @see `litetapes/testing` for `powerLosses`, which returns what a power loss may leave
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { Disk, DiskError, type FileStat, type File, type Lock } from "../services/ports/Disk.ts"
import * as DiskState from "./DiskState.ts"
import * as calls from "./internal/simulated/calls.ts"
import type { Fault, Step } from "./internal/simulated/Step.ts"

export { describeStep, isChange } from "./internal/simulated/Step.ts"
export type { Fault, Step }

/** Options of a simulated disk. */
export interface Options {
  /** What is on the disk at first. Default: an empty root folder. */
  readonly state?: DiskState.DiskState
  /** Called before every step. If it returns a fault, the step fails. */
  readonly onStep?: (step: Step, disk: SimulatedDisk) => Fault | undefined
  /** Returns how many turns other fibres get before this step: how long it takes. Default: 0. */
  readonly turns?: (step: Step) => number
}

/** A simulated disk, with a view of its contents. */
export interface SimulatedDisk {
  /** The disk itself. */
  readonly disk: Disk["Service"]
  /** Provides the disk. */
  readonly layer: Layer.Layer<Disk>
  /** Returns what it holds now. */
  readonly state: () => DiskState.DiskState
  /** Changes it from outside, without a step, as damage, a restored copy or another process does. */
  readonly change: (by: (state: DiskState.DiskState) => DiskState.DiskState) => void
  /**
   * Drops all locks that are held, as a POSIX system does if their process opens and closes the lock file. Nothing tells
   * their holders.
   */
  readonly dropLocks: () => void
  /** Returns how many steps there were. */
  readonly steps: () => number
}

/** Makes a disk. Its locks and open files end with the process that it stands for; its contents do not. */
export const make = (options: Options = {}): SimulatedDisk => new Simulation(options).simulated

class Simulation {
  readonly #options: Options
  #state: DiskState.DiskState
  #steps = 0
  readonly #locks = new Set<number>()
  /** Latest paths of files that were renamed: steps of an open file name the path that it has now. */
  readonly #moved = new Map<number, string>()
  readonly simulated: SimulatedDisk

  constructor(options: Options) {
    this.#options = options
    this.#state = options.state ?? DiskState.empty
    const disk = this.#disk()
    this.simulated = {
      disk,
      layer: Layer.succeed(Disk, disk),
      state: () => this.#state,
      change: (by) => this.#set(by(this.#state)),
      dropLocks: () => this.#locks.clear(),
      steps: () => this.#steps
    }
  }

  /**
   * Runs one step: `run` changes the state. `failed` is what a step does that fails, unless that is a part of `run`.
   */
  #step<A>(
    step: Omit<Step, "index">,
    run: (done: number) => A | DiskError,
    failed?: (done: number) => void
  ): Effect.Effect<A, DiskError> {
    const body = Effect.suspend((): Effect.Effect<A, DiskError> => {
      this.#steps += 1
      const fault = this.#options.onStep?.({ ...step, index: this.#steps }, this.simulated)
      if (fault !== undefined) {
        const done = fault.done ?? 0
        if (failed !== undefined) failed(done)
        else if (done >= 0.5 || step.operation === "write") run(done)
        return Effect.fail(new DiskError({ operation: step.operation, path: step.path, code: fault.code }))
      }
      const result = run(1)
      return result instanceof DiskError ? Effect.fail(result) : Effect.succeed(result)
    })
    const { turns } = this.#options
    if (turns === undefined) return body
    return Effect.suspend(() => {
      let left = turns({ ...step, index: this.#steps + 1 })
      const wait = Effect.whileLoop({ while: () => left-- > 0, body: () => Effect.yieldNow, step: () => undefined })
      return left > 0 ? Effect.andThen(wait, body) : body
    })
  }

  #disk(): Disk["Service"] {
    return {
      openRead: (path) => this.#open("openRead", path),
      openWrite: (path) => this.#open("openWrite", path),
      create: (path) =>
        this.#step({ operation: "create", path }, () => {
          const inode = this.#add("create", path, "file")
          return inode instanceof DiskError ? inode : this.#file(path, inode, true)
        }),
      makeFolder: (path) =>
        this.#step({ operation: "makeFolder", path }, () => {
          const inode = this.#add("makeFolder", path, "folder")
          return inode instanceof DiskError ? inode : undefined
        }),
      syncFolder: (path) => {
        const step = { operation: "syncFolder" as const, path }
        return this.#step(
          step,
          () => this.#onFolder(step, (inode) => this.#set(DiskState.syncFolder(this.#state, inode))),
          () => this.#onFolder(step, (inode) => this.#set(DiskState.failSyncFolder(this.#state, inode)))
        )
      },
      rename: (path, to) => this.#step({ operation: "rename", path, to }, () => this.#rename(path, to)),
      unlink: (path) =>
        this.#step({ operation: "unlink", path }, () => this.#call("unlink", path, calls.unlink(this.#state, path))),
      removeFolder: (path) =>
        this.#step({ operation: "removeFolder", path }, () =>
          this.#call("removeFolder", path, calls.removeFolder(this.#state, path))
        ),
      stat: (path) => this.#step({ operation: "stat", path }, () => this.#entry(path)),
      list: (path) =>
        this.#step({ operation: "list", path }, () => {
          const node = this.#node(path)
          if (node?.kind === "folder") return [...node.entries.keys()]
          return this.#error("list", path, node === undefined ? calls.absent(this.#state, path) : "ENOTDIR")
        }),
      lock: (path) =>
        Effect.map(
          Effect.acquireRelease(
            this.#step(
              { operation: "lock", path },
              () => {
                const inode = this.#lock(path)
                return inode instanceof DiskError ? inode : { inode }
              },
              // A caller whose lock failed never releases it, so only the file is made.
              (done) => void (done >= 0.5 && this.#lockFile(path))
            ),
            (lock) => Effect.sync(() => this.#locks.delete(lock.inode))
          ),
          (lock): Lock => ({
            held: Effect.sync(() => this.#locks.has(lock.inode) && DiskState.lookUp(this.#state, path) === lock.inode),
            keep: Effect.sync(() => {
              if (this.#locks.has(lock.inode) && DiskState.lookUp(this.#state, path) === lock.inode) return true
              const again = this.#lock(path)
              if (!(again instanceof DiskError)) lock.inode = again
              return !(again instanceof DiskError)
            })
          })
        ),
      boot: Effect.sync(() => `boot-${this.#state.boot}`)
    }
  }

  #error(operation: string, path: string, code: string): DiskError {
    return new DiskError({ operation, path, code })
  }

  #set(state: DiskState.DiskState): undefined {
    this.#state = state
  }

  #node(path: string): DiskState.Node | undefined {
    const inode = DiskState.lookUp(this.#state, path)
    return inode === undefined ? undefined : this.#state.nodes.get(inode)
  }

  #entry(path: string): FileStat | undefined | DiskError {
    const inode = DiskState.lookUp(this.#state, path)
    const node = inode === undefined ? undefined : this.#state.nodes.get(inode)
    if (node === undefined) {
      const code = calls.absent(this.#state, path)
      return code === "ENOENT" ? undefined : this.#error("stat", path, code)
    }
    return { kind: node.kind, size: node.kind === "file" ? node.cache.length : 0, inode: `${inode}` }
  }

  #onFolder(step: { operation: string; path: string }, run: (inode: number) => undefined): undefined | DiskError {
    const inode = DiskState.lookUp(this.#state, step.path)
    const isFolder = inode !== undefined && this.#state.nodes.get(inode)?.kind === "folder"
    if (isFolder) return run(inode)
    return this.#error(
      step.operation,
      step.path,
      inode === undefined ? calls.absent(this.#state, step.path) : "ENOTDIR"
    )
  }

  /** Applies a call that changes folders: keeps its new state, or returns its error. */
  #call(operation: string, path: string, outcome: DiskState.DiskState | string): undefined | DiskError {
    if (typeof outcome === "string") return this.#error(operation, path, outcome)
    this.#state = outcome
  }

  #rename(path: string, to: string): undefined | DiskError {
    const inode = DiskState.lookUp(this.#state, path)
    const failed = this.#call("rename", to, calls.rename(this.#state, path, to))
    if (failed === undefined && inode !== undefined) this.#moved.set(inode, to)
    return failed
  }

  #add(operation: string, path: string, kind: "file" | "folder"): number | DiskError {
    const added = calls.add(this.#state, path, kind)
    if (typeof added === "string") return this.#error(operation, path, added)
    this.#state = added.state
    return added.inode
  }

  #lock(path: string): number | DiskError {
    const inode = this.#lockFile(path)
    if (inode instanceof DiskError) return inode
    if (this.#locks.has(inode)) return this.#error("lock", path, "ELOCKED")
    this.#locks.add(inode)
    return inode
  }

  /** Returns the file that a lock is taken on, and makes it if it does not exist. */
  #lockFile(path: string): number | DiskError {
    const node = this.#node(path)
    const inode = node === undefined ? this.#add("lock", path, "file") : DiskState.lookUp(this.#state, path)!
    if (inode instanceof DiskError) return inode
    // A lock file has no bytes: one that has some belongs to somebody else.
    const isLockable = node === undefined || (node.kind === "file" && node.cache.length === 0)
    return isLockable ? inode : this.#error("lock", path, "EUNSAFE")
  }

  #open(operation: "openRead" | "openWrite", path: string): Effect.Effect<File, DiskError> {
    return this.#step({ operation, path }, () => {
      const inode = DiskState.lookUp(this.#state, path)
      if (inode === undefined) return this.#error(operation, path, calls.absent(this.#state, path))
      const isFile = this.#state.nodes.get(inode)?.kind === "file"
      // A real process that opens and closes its own lock file loses the lock.
      return isFile && !this.#locks.has(inode)
        ? this.#file(path, inode, operation === "openWrite")
        : this.#error(operation, path, "EUNSAFE")
    })
  }

  /** Makes an open file, which can be used even after its name was removed. */
  #file(path: string, inode: number, isWritable: boolean): File {
    let open = true
    const bytes = (): Uint8Array => (this.#state.nodes.get(inode) as DiskState.FileNode).cache
    const use = <A>(step: Omit<Step, "index" | "path">, run: (done: number) => A, failed?: () => void) =>
      Effect.suspend(() =>
        this.#step(
          { path: this.#moved.get(inode) ?? path, ...step },
          (done) => (open ? run(done) : this.#error(step.operation, path, "EBADF")),
          failed
        )
      )
    const sync = (operation: "datasync" | "sync") =>
      use(
        { operation },
        () => this.#set(DiskState.syncFile(this.#state, inode)),
        () => this.#set(DiskState.failSyncFile(this.#state, inode))
      )
    const read = (position: number, length: number) => bytes().slice(position, position + length)
    return {
      path,
      write: (written, position) =>
        use({ operation: "write", position, bytes: written.length }, (done) => {
          if (!isWritable && written.length > 0) return this.#error("write", path, "EBADF")
          const part = done === 1 ? written : written.subarray(0, Math.floor(done * written.length))
          return this.#set(DiskState.write(this.#state, inode, position, part))
        }),
      read: (position, length) => use({ operation: "read", position, bytes: length }, () => read(position, length)),
      readRanges: (ranges) =>
        use(
          { operation: "read", position: ranges[0]?.[0] ?? 0, bytes: ranges.reduce((sum, [, n]) => sum + n, 0) },
          () => ranges.map(([position, length]) => read(position, length))
        ),
      size: use({ operation: "size" }, () => bytes().length),
      datasync: sync("datasync"),
      sync: sync("sync"),
      close: Effect.sync(() => {
        open = false
      })
    }
  }
}

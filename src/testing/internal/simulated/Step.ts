/** The steps of a simulated disk, and how they fail. */
import type { Disk } from "../../../services/ports/Disk.ts"

/** One operation that the disk is asked for. */
export interface Step {
  /** Number of the step, counted from 1. */
  readonly index: number
  /** The operation, such as `create` or `datasync`. */
  readonly operation: keyof Disk["Service"] | "write" | "read" | "size" | "datasync" | "sync"
  /** The file or folder that it is about. */
  readonly path: string
  /** The new name, for `rename`. */
  readonly to?: string
  /** Offset in bytes, for `write` and `read`. */
  readonly position?: number
  /** Number of bytes, for `write` and `read`. */
  readonly bytes?: number
}

/** Lets a step fail. */
export interface Fault {
  /** Code of the error, such as `EIO`. */
  readonly code: string
  /**
   * How much of the step is done nevertheless: 0 is nothing, 1 is all of it. A write may be done in part; any other
   * step is done from 0.5 on. A sync that fails is never done, and no later sync makes durable what it should have. A
   * lock that fails is never held, but from 0.5 on its file is there. Default: 0.
   */
  readonly done?: number
}

/** Returns whether a step changes what is on the disk, or how durable it is. */
export const isChange = ({ operation }: Step): boolean => changes.has(operation)

const changes: ReadonlySet<Step["operation"]> = new Set([
  "create",
  "write",
  "datasync",
  "sync",
  "syncFolder",
  "makeFolder",
  "rename",
  "unlink",
  "removeFolder",
  "lock"
])

/** Returns a step as one line, for traces. */
export const describeStep = ({ bytes, index, operation, path, position, to }: Step): string =>
  [
    `${index}`.padStart(5),
    operation,
    path,
    ...(to === undefined ? [] : ["->", to]),
    ...(bytes === undefined ? [] : [`${position}+${bytes}`])
  ].join(" ")

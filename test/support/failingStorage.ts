/** A storage whose n-th call of one operation fails, before or after it is done. */
import * as Effect from "effect/Effect"
import { type Root, type Storage, StorageError } from "litetapes/Storage"

export type FailingOperation =
  | "segments.write"
  | "meta.replace"
  | "meta.append"
  | "segments.remove"
  | "derived.delete"
  | "derived.put"
  | "segments.read"
  | "tapes.create"
  | "quarantine.keep"
  | "hint.write"
  | "journal.drop"

export interface Plan {
  readonly operation: FailingOperation
  /** Counted from 1, since the plan was set. */
  readonly nth: number
  readonly when: "before" | "after"
}

export interface Failing {
  readonly storage: Storage["Service"]
  /** Sets the plan and restarts the count. */
  readonly plan: (plan: Plan | undefined) => void
  /** Whether the planned call came. */
  readonly hasFailed: () => boolean
}

const operations: ReadonlyArray<FailingOperation> = [
  "segments.write",
  "meta.replace",
  "meta.append",
  "segments.remove",
  "derived.delete",
  "derived.put",
  "segments.read",
  "tapes.create",
  "quarantine.keep",
  "hint.write",
  "journal.drop"
]

type Operation = (...args: ReadonlyArray<unknown>) => Effect.Effect<unknown, StorageError>

export const failing = (base: Storage["Service"]): Failing => {
  let current: Plan | undefined
  let calls = 0
  let failed = false
  const failure = (operation: string) => new StorageError({ operation, place: "here", reason: "failed", detail: "EIO" })
  const wrap = (root: Root): Root => {
    const roles = { ...root } as unknown as Record<string, Record<string, Operation>>
    for (const operation of operations) {
      const [role, member] = operation.split(".") as [string, string]
      const original = roles[role]![member]!
      const failingOne: Operation = (...args) =>
        Effect.suspend(() => {
          if (current?.operation !== operation || (calls += 1) !== current.nth) return original(...args)
          failed = true
          return current.when === "before"
            ? Effect.fail(failure(operation))
            : Effect.andThen(original(...args), Effect.fail(failure(operation)))
        })
      roles[role] = { ...roles[role], [member]: failingOne }
    }
    return roles as unknown as Root
  }
  return {
    storage: { open: (place, mode) => Effect.map(base.open(place, mode), wrap) },
    plan: (plan) => {
      current = plan
      calls = 0
      failed = false
    },
    hasFailed: () => failed
  }
}

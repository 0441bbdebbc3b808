/**
 * A storage that can lose the meta of a tape or of a lib, while the lib is open or before it is opened. Hidden meta can
 * be shown again.
 */
import * as Effect from "effect/Effect"
import { type MetaOwner, type Root, type Storage, StorageError } from "litetapes/Storage"
import { changeRoot } from "./changeRoot.ts"

export interface Hiding {
  readonly storage: Storage["Service"]
  /** Hides the meta of a tape, or lib meta. */
  readonly hide: (place: string, owner: MetaOwner) => void
  readonly show: (place: string, owner: MetaOwner) => void
}

const keyOf = (place: string, owner: MetaOwner) => `${place}\n${owner ?? ""}`

const notALib = (place: string) =>
  new StorageError({ operation: "open", place, reason: "not-a-lib", detail: "it has no lib meta" })

export const hiding = (base: Storage["Service"]): Hiding => {
  const hidden = new Set<string>()
  const wrap = (place: string, root: Root): Root =>
    changeRoot(root, {
      meta: {
        read: (owner) =>
          hidden.has(keyOf(place, owner)) ? Effect.succeed(undefined) : Effect.suspend(() => root.meta.read(owner)),
        replace: (owner, version, bytes) =>
          Effect.suspend(() => {
            if (version !== undefined || !hidden.has(keyOf(place, owner))) {
              return root.meta.replace(owner, version, bytes)
            }
            hidden.delete(keyOf(place, owner))
            return Effect.flatMap(root.meta.read(owner), (meta) => root.meta.replace(owner, meta?.version, bytes))
          })
      }
    })
  return {
    storage: {
      open: (place, mode) =>
        Effect.suspend(() =>
          hidden.has(keyOf(place, undefined)) && mode !== "recover"
            ? Effect.fail(notALib(place))
            : Effect.map(base.open(place, mode), (root) => wrap(place, root))
        )
    },
    hide: (place, owner) => hidden.add(keyOf(place, owner)),
    show: (place, owner) => hidden.delete(keyOf(place, owner))
  }
}

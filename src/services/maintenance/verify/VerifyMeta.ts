/** Verifies the metas of a lib and its tapes, and the chain of commits. */
import * as Effect from "effect/Effect"
import { DynamicCorrupt, MetaInvalid } from "../../../domain/format/Errors.ts"
import { libMetaFile, tapeMetaFile } from "../../../domain/format/Format.ts"
import type { TapeListing } from "../../../domain/meta/LibState.ts"
import { dynamicName } from "../../../domain/format/Names.ts"
import type { LibHandle } from "../../lib/LibHandle.ts"
import { scanAll, type TornTail } from "../../journal/DynamicScan.ts"
import { ackedLost } from "../../lib/inspectLib.ts"
import { readLibMeta } from "../../lib/readLibMeta.ts"
import type { OpenTape } from "../../lib/OpenTape.ts"
import { readTapeMeta } from "../../lib/readTapeMeta.ts"

/** Any error of this package that a check may fail with. */
export type Failure = { readonly _tag: string; readonly message: string }

const notOurs = (meta: string) =>
  new MetaInvalid({ meta, line: 0, why: "it is not what this writer wrote: another process changed it" })

/** A writer's own meta must be exactly what it wrote, without a torn end, because it has not been interrupted. */
export const checkLibMeta = (lib: LibHandle): Effect.Effect<void, Failure> =>
  lib.meta.unchanged(
    Effect.flatMap(readLibMeta(lib.root, lib.meta.limits), (read) => {
      const isOurs = lib.root.mode === "read" || lib.guard.cause !== undefined || read?.version === lib.meta.version
      return isOurs ? Effect.void : Effect.fail(notOurs(libMetaFile))
    })
  )

export const checkTapeMeta = (lib: LibHandle, tape: OpenTape, listed: TapeListing): Effect.Effect<void, Failure> =>
  tape.lock.withPermit(
    Effect.flatMap(readTapeMeta(lib.root, lib.meta.state, listed), ({ version }) => {
      const isOurs = lib.root.mode === "read" || lib.guard.cause !== undefined || version === tape.meta.version
      return isOurs ? Effect.void : Effect.fail(notOurs(`${tape.name}/${tapeMetaFile}`))
    })
  )

/** Returns where the last dynamic segment ends too early, if it still does at a second look: a writer may be at work. */
export const tornTail = (lib: LibHandle): Effect.Effect<TornTail | undefined> => {
  const look = Effect.gen(function* () {
    const read = yield* readLibMeta(lib.root, lib.meta.limits)
    return read === undefined ? undefined : (yield* scanAll(lib.root, read.state)).tail
  }).pipe(Effect.catch(() => Effect.succeed(undefined)))
  return Effect.gen(function* () {
    // A writer reported it when it opened, and its own batches may be half written.
    if (lib.root.mode === "write") return undefined
    const tail = yield* look
    if (tail === undefined) return undefined
    yield* Effect.yieldNow
    const again = yield* look
    return JSON.stringify(again) === JSON.stringify(tail) ? tail : undefined
  })
}

/** How often a scan is repeated that the writer may have disturbed. */
export const triesMax = 8

/**
 * Checks the chain of commits on disk, up to the last acknowledged batch. While a writer is at work, scans again if the
 * chain does not fit: a file may have been closed meanwhile, or a batch may be half written.
 */
export const checkDynamics = (lib: LibHandle, tries = 1): Effect.Effect<void, Failure> =>
  Effect.suspend(() => {
    const { durable } = lib.journal
    const { state } = lib.meta
    return Effect.catch(scanUpTo(lib, durable.batch), (error) => {
      const isMoving = lib.root.mode === "read" || lib.journal.durable !== durable || lib.meta.state !== state
      if (!isMoving || tries >= triesMax) return Effect.fail(error)
      return Effect.andThen(Effect.yieldNow, checkDynamics(lib, tries + 1))
    })
  })

const scanUpTo = (lib: LibHandle, batch: number): Effect.Effect<void, Failure> =>
  Effect.gen(function* () {
    const read = yield* readLibMeta(lib.root, lib.meta.limits)
    if (read === undefined) return
    const scanned = yield* scanAll(lib.root, read.state)
    const { anchor, torn } = scanned
    if (anchor.batch >= batch) return
    if (torn === undefined) return yield* ackedLost(lib.root, read, scanned, batch)
    const { dynamic, offset } = torn
    return yield* new DynamicCorrupt({ file: dynamicName(dynamic), offset, why: `batch ${anchor.batch + 1} is torn` })
  })

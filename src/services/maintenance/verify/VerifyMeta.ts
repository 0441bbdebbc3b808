/** Verify: what lib and tapes say of themselves, and the chain of commits. */
import * as Effect from "effect/Effect"
import { DynamicCorrupt, MetaInvalid } from "../../../domain/format/Errors.ts"
import { libMetaFile, tapeMetaFile } from "../../../domain/format/Format.ts"
import type { TapeListing } from "../../../domain/meta/LibState.ts"
import { dynamicName } from "../../../domain/format/Names.ts"
import type { Core } from "../../lib/LibHandle.ts"
import { scanAll } from "../../journal/DynamicScan.ts"
import { ackedLost, readState } from "../../lib/openWriter.ts"
import type { OpenTape } from "../../lib/OpenTape.ts"
import { readTapeMeta } from "../../lib/TapeMeta.ts"

/** What a check may fail with: any error of this package. */
export type Failure = { readonly _tag: string; readonly message: string }

const notOurs = (meta: string) => new MetaInvalid({ meta, line: 0, why: "is not what this writer has written" })

/** A writer's own meta must be what it wrote, a torn end included: it has not been interrupted. */
export const checkLibMeta = (core: Core): Effect.Effect<void, Failure> =>
  core.metaLock.withPermit(
    Effect.flatMap(readState(core.root, core.state.limits), (read) => {
      const isOurs = core.root.mode === "read" || core.poison !== undefined || read?.version === core.metaVersion
      return isOurs ? Effect.void : Effect.fail(notOurs(libMetaFile))
    })
  )

export const checkTapeMeta = (core: Core, tape: OpenTape, listed: TapeListing): Effect.Effect<void, Failure> =>
  tape.lock.withPermit(
    Effect.flatMap(readTapeMeta(core, listed), ({ version }) => {
      const isOurs = core.root.mode === "read" || core.poison !== undefined || version === tape.metaVersion
      return isOurs ? Effect.void : Effect.fail(notOurs(`${tape.name}/${tapeMetaFile}`))
    })
  )

/** How often a look is repeated that the writer may have disturbed. */
export const triesMax = 8

/**
 * The chain of commits that is on disk, up to what was acknowledged. Beside a writer at work it is looked at again where
 * it does not fit: a file may have been closed meanwhile, or a batch be half written.
 */
export const checkDynamics = (core: Core, tries = 1): Effect.Effect<void, Failure> =>
  Effect.suspend(() => {
    const { durable, state } = core
    return Effect.catch(scanUpTo(core, durable.batch), (error) => {
      const isMoving = core.root.mode === "read" || core.durable !== durable || core.state !== state
      if (!isMoving || tries >= triesMax) return Effect.fail(error)
      return Effect.andThen(Effect.yieldNow, checkDynamics(core, tries + 1))
    })
  })

const scanUpTo = (core: Core, batch: number): Effect.Effect<void, Failure> =>
  Effect.gen(function* () {
    const read = yield* readState(core.root, core.state.limits)
    if (read === undefined) return
    const scanned = yield* scanAll(core.root, read.state)
    const { anchor, torn } = scanned
    if (anchor.batch >= batch) return
    if (torn === undefined) return yield* ackedLost(core.root, read, scanned, batch)
    const { dynamic, offset } = torn
    return yield* new DynamicCorrupt({ file: dynamicName(dynamic), offset, why: `batch ${anchor.batch + 1} is torn` })
  })

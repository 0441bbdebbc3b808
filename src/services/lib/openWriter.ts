/**
 * Opens a lib for writing: creates it, or takes it over from the writer before (docs/PROTOCOL.md, "Open for writing").
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import { storableNow } from "../base/storableNow.ts"
import {
  IdentityMismatch,
  InvalidSettings,
  LibExists,
  LibInvalid,
  LibLocked,
  LibNotFound
} from "../../domain/format/Errors.ts"
import { libMetaFile } from "../../domain/format/Format.ts"
import { checkLimits, defaultLimits } from "../../domain/format/Limits.ts"
import { dynamicName } from "../../domain/format/Names.ts"
import { checkPlacement, defaultPlacement } from "../../domain/format/Placement.ts"
import * as LibState from "../../domain/meta/LibState.ts"
import * as MetaChain from "../../domain/meta/MetaChain.ts"
import type { LibRecord } from "../../domain/meta/SystemRecord.ts"
import type { Sealer } from "../ports/Sealing.ts"
import { type Root, StorageError, type Warning } from "../ports/Storage.ts"
import type { Scanned, TornTail } from "../journal/DynamicScan.ts"
import { checkSettings, type LibOptions } from "./checkSettings.ts"
import { ackedLost, inspectLib } from "./inspectLib.ts"
import { type LibHandle, makeHandle, type WriterSettings } from "./LibHandle.ts"
import type { Measures } from "./Measures.ts"
import type { OpenError } from "./OpenError.ts"
import { readLibMeta, type ReadState } from "./readLibMeta.ts"
import { refuseBackup } from "./refuseBackup.ts"
import { takeOver } from "./takeOver.ts"

/** Report of what opening did. */
export interface OpenReport {
  /** Whether this call created the lib. */
  readonly created: boolean
  /** Whether the writer before this one ended without a clean close, so that its committed batches were taken over. */
  readonly recovered: boolean
  /** Torn end of a dynamic segment, which was never acknowledged. Its bytes were copied to the file `aside`. */
  readonly tailDiscarded?: {
    /** Name of the dynamic segment. */
    readonly file: string
    /** Byte at which the torn end begins. */
    readonly offset: number
    /** Number of bytes. */
    readonly bytes: number
    /** Place of the copy, a `*.quarantine` file. */
    readonly aside: string
  }
  /**
   * Where the last dynamic segment ended too early. Batches that end there were never acknowledged, unless the file was
   * cut off: if `bytes` is 0, it lacks the room that its last batch came with, and batches after it may be lost. Absent
   * if the file ends as it should, and in a reader if a running writer explains it.
   */
  readonly tornTail?: TornTail
  /** Whether a torn last line of lib meta was dropped. */
  readonly metaTailDropped: boolean
  /**
   * Places that other users of the system can write to, if the system can tell, and the lib itself if it has 1,000 event
   * tapes or more. They are logged too.
   */
  readonly warnings: ReadonlyArray<Warning>
}

/** A lib as the caller had it open before: it must be the same one, with all its batches. */
export interface Before {
  /** Its lineage. It differs from that of another lib, and from that of an earlier state of this one that was restored. */
  readonly lineage: string
  /** Number of its last durable batch. */
  readonly batch: number
}

/** Options of opening for writing that the caller provides. */
export interface WriterOptions extends LibOptions {
  readonly settings: WriterSettings
  readonly uuid: (nowMillis: number) => string
  readonly sealing: Sealer
  readonly measures: Measures
  readonly before?: Before | undefined
  /** Whether the lib may be new. Default: `if-absent`. */
  readonly create?: Create | undefined
}

/** `if-absent`: opens a lib, or creates one. `never`: only opens one. `must`: only creates one. */
export type Create = "if-absent" | "never" | "must"

/**
 * Opens a lib for writing. Creates it in an empty place, else takes over everything that the writer before left. If
 * another writer takes over meanwhile, the files change while they are read: then the error is `LibLocked`, whatever
 * seemed to be wrong with them.
 */
export const openWriter = (
  root: Root,
  options: WriterOptions
): Effect.Effect<{ handle: LibHandle; report: OpenReport }, OpenError> =>
  openAlone(root, options).pipe(
    Effect.catch((error) =>
      Effect.matchEffect(root.checkLock, {
        onFailure: ({ reason }) =>
          Effect.fail<OpenError>(reason === "lock-lost" ? new LibLocked({ location: root.location }) : error),
        onSuccess: () => Effect.fail<OpenError>(error)
      })
    ),
    Effect.uninterruptible
  )

const openAlone = Effect.fnUntraced(function* (
  root: Root,
  options: WriterOptions
): Effect.fn.Return<{ handle: LibHandle; report: OpenReport }, OpenError> {
  const { before, measures, sealing, settings, uuid } = options
  let read = yield* readLibMeta(root, options.limits)
  const created = read === undefined
  if (before !== undefined) yield* checkSame(root, read, before)
  // Checked before the lock was taken too, but another writer may have created or removed the lib since.
  if (read !== undefined && options.create === "must") return yield* new LibExists({ location: root.location })
  if (read === undefined) {
    if (options.create === "never")
      return yield* new LibNotFound({ location: root.location, why: "it was removed just now" })
    yield* create(root, options)
    read = yield* readLibMeta(root, options.limits)
    if (read === undefined) {
      return yield* new LibInvalid({ location: root.location, why: "its meta disappeared while it was created" })
    }
  }
  yield* refuseBackup(root, read.state)
  yield* checkSettings(root, read.state, options)
  let taken = yield* Effect.result(inspectAndTakeOver(root, read, before))
  // The writer before may have had one append to lib meta under way when it was stopped.
  for (let attempt = 1; attempt < attemptsMax && isChanged(taken); attempt++) {
    read = yield* readLibMeta(root, options.limits)
    if (read === undefined) break
    taken = yield* Effect.result(inspectAndTakeOver(root, read, before))
  }
  if (Result.isFailure(taken)) return yield* Effect.fail(taken.failure)
  const { aside, metaTailDropped, opened, tail, unclean } = taken.success
  return {
    handle: makeHandle(root, settings, opened, { uuid, sealing, unclean, measures }),
    report: {
      created,
      recovered: unclean,
      metaTailDropped,
      warnings: root.warnings ?? [],
      ...(aside === undefined ? {} : { tailDiscarded: aside }),
      ...(tail === undefined ? {} : { tornTail: tail })
    }
  }
})

/** Fails unless the lib is still the one that the caller had open. A new lib in its place would hide that it is lost. */
const checkSame = (
  root: Root,
  read: ReadState | undefined,
  { lineage }: Before
): Effect.Effect<void, LibInvalid | IdentityMismatch> => {
  if (read === undefined) {
    const why = "its meta has disappeared since it was opened. Restore the lib from a copy."
    return Effect.fail(new LibInvalid({ location: root.location, why }))
  }
  const found = LibState.lineageOf(read.state)
  if (found === lineage) return Effect.void
  return Effect.fail(new IdentityMismatch({ file: libMetaFile, expected: lineage, found }))
}

/** Attempts to take over while lib meta changes. */
const attemptsMax = 3

const isChanged = (taken: Result.Result<unknown, { readonly _tag: string }>): boolean =>
  Result.isFailure(taken) && taken.failure instanceof StorageError && taken.failure.reason === "changed"

const inspectAndTakeOver = Effect.fnUntraced(function* (root: Root, read: ReadState, before: Before | undefined) {
  const scanned = yield* inspectLib(root, read)
  // Unlike the hint, this counts whatever the system is.
  if (before !== undefined && scanned.anchor.batch < before.batch) {
    return yield* ackedLost(root, read, scanned, before.batch)
  }
  const aside = yield* setTornAside(root, scanned)
  const opened = yield* takeOver(root, read, scanned)
  // If the last record of a lib is Clean, or if no writer has opened it yet, there was nothing to take over.
  const { tail } = scanned
  return { aside, opened, metaTailDropped: read.chain.torn, tail, unclean: read.state.live.length > 0 }
})

const create = Effect.fnUntraced(function* (root: Root, { uuid, ...options }: WriterOptions) {
  const now = yield* storableNow
  const limits = { ...defaultLimits, ...options.limits }
  const placement = options.placement ?? defaultPlacement
  const wrong = checkLimits(limits) ?? checkPlacement(placement)
  if (wrong !== undefined) return yield* new InvalidSettings({ location: root.location, ...wrong })
  const written = MetaChain.write<LibRecord>(null, [
    {
      $type: "LiteLib.Meta",
      created: new Date(now).toISOString(),
      format: LibState.formatOf({ backup: undefined, branches: [], placement }),
      lib: uuid(now),
      limits,
      placement
    }
  ])
  yield* root.meta.replace(undefined, undefined, written.bytes)
})

const setTornAside = Effect.fnUntraced(function* (root: Root, { torn }: Scanned) {
  if (torn === undefined || torn.bytes.length === 0) return undefined
  const file = dynamicName(torn.dynamic)
  const aside = yield* root.quarantine.keep(`${file}.quarantine`, torn.bytes)
  return { file, offset: torn.offset, bytes: torn.bytes.length, aside }
})

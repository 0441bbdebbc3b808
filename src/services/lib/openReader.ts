/**
 * A reader's view of a lib, beside its writer and without a lock: whole batches that were acknowledged, of all tapes at
 * the same moment. RELIABILITY: "A reader in another process".
 */
import * as Effect from "effect/Effect"
import { LibInvalid, ReaderBusy } from "../../domain/format/Errors.ts"
import * as Hint from "../../domain/journal/Hint.ts"
import type { Anchor } from "../../domain/meta/SystemRecord.ts"
import type { Root, StorageError } from "../ports/Storage.ts"
import { Core, type WriterSettings } from "./LibHandle.ts"
import type { DynamicFile, LivePart } from "../journal/DynamicFile.ts"
import { type ScanError, type Scanned, scanAll } from "../journal/DynamicScan.ts"
import { checkMetaEnd } from "./checkMetaEnd.ts"
import { ackedLost, checkSettings, type LibOptions, type OpenError, readState, type ReadState } from "./openWriter.ts"
import { isRow, OpenTape } from "./OpenTape.ts"
import { readTapeMeta } from "./TapeMeta.ts"

interface View {
  readonly read: ReadState
  readonly files: ReadonlyArray<DynamicFile>
  readonly end: Anchor
  readonly tapes: ReadonlyArray<OpenTape>
}

/** The look was disturbed by the writer, and must be repeated; or `trouble` is what is wrong, if it stays so. */
class Again {
  readonly trouble: OpenError | undefined

  constructor(trouble?: OpenError) {
    this.trouble = trouble
  }
}

const triesMax = 8

/** Opens a lib for reading. */
export const openReader = Effect.fnUntraced(function* (
  root: Root,
  settings: WriterSettings,
  options: LibOptions
): Effect.fn.Return<Core, OpenError | ReaderBusy> {
  const read = yield* readState(root, options.limits)
  if (read === undefined) return yield* new LibInvalid({ location: root.location, why: "it has no meta" })
  yield* checkSettings(root, read.state, options)
  const core = new Core({
    root,
    settings,
    uuid: () => "",
    state: read.state,
    metaVersion: read.version,
    metaEnd: read.chain.end
  })
  yield* refreshReader(core)
  return core
})

/** Looks again. What the reader sees afterwards is one moment; it never goes back. */
export const refreshReader = Effect.fnUntraced(function* (core: Core): Effect.fn.Return<void, OpenError | ReaderBusy> {
  let trouble: OpenError | undefined
  for (let tries = 0; tries < triesMax; tries++) {
    const view: View | Again = yield* Effect.catchTags(look(core), {
      // A file that vanished or does not fit was closed meanwhile, unless it stays so.
      DynamicCorrupt: (error) => disturbed(error),
      AckedDataLost: (error) => disturbed(error),
      StorageError: (error) => (error.reason === "not-found" ? disturbed(error) : Effect.fail(error))
    })
    function disturbed(error: ScanError): Effect.Effect<Again> {
      return Effect.succeed(new Again(error))
    }
    if (view instanceof Again) {
      trouble = view.trouble
      continue
    }
    if (view.end.batch < core.durable.batch) continue
    core.state = view.read.state
    core.durable = view.end
    core.dynamics = [...view.files]
    showTapes(core, view.tapes)
    return
  }
  return yield* trouble ?? new ReaderBusy({ location: core.location })
})

/** Tapes in use get the new view in their place: who reads one on goes on with what is there now. */
const showTapes = (core: Core, tapes: ReadonlyArray<OpenTape>): void => {
  const seen = new Set<string>()
  for (const tape of tapes) {
    const known = core.tapes.get(tape.name)
    if (known === undefined || known.id !== tape.id) core.tapes.set(tape.name, tape)
    else known.show(tape)
    seen.add(tape.name)
  }
  for (const name of core.tapes.keys()) if (!seen.has(name)) core.tapes.delete(name)
}

const look = Effect.fnUntraced(function* (core: Core): Effect.fn.Return<View | Again, OpenError> {
  const { root } = core
  const hint = yield* readHint(root)
  const read = yield* readState(root, core.state.limits)
  if (read === undefined) return yield* new LibInvalid({ location: root.location, why: "its meta is gone" })
  // Meta first, dynamic segments after: what is closed in between is seen twice, never not at all.
  const metas = []
  for (const listed of read.state.tapes.values()) {
    const meta = yield* Effect.result(readTapeMeta({ root, state: read.state }, listed))
    // A tape whose meta is bad does not keep the others from being read: using it says what is wrong.
    if (meta._tag === "Success") metas.push({ listed, meta: meta.success })
  }
  const scanned = yield* scanAll(root, read.state)
  const seen = scanned.anchor.batch
  let bound = hint === undefined ? seen : Math.max(hint.batch, read.state.anchor.batch)
  if (hint === undefined && (yield* readHint(root)) !== undefined) return new Again()
  const ended = yield* Effect.result(checkMetaEnd(root, read, scanned, Math.min(bound, seen)))
  if (ended._tag === "Failure") return yield* unlessMoved(root, read, ended.failure)
  if (bound > seen) return yield* unlessMoved(root, read, ackedLost(root, read, scanned, bound))
  const tapes: Array<OpenTape> = []
  for (const { listed, meta } of metas) {
    const { lastBatch } = meta.state
    if (lastBatch > seen && lastBatch > bound) {
      return yield* unlessMoved(root, read, ackedLost(root, read, scanned, lastBatch))
    }
    const parts = scanned.files.flatMap((file) => file.parts.get(listed.tape) ?? [])
    const tape = new OpenTape(listed.name, meta, visible(parts, lastBatch, bound))
    tape.hidden = countIn(parts, bound, lastBatch)
    // As with bad meta.
    if (tape.hidden <= meta.state.records && isRow(meta.state.records, tape.parts)) tapes.push(tape)
  }
  bound = Math.min(bound, seen)
  return { read, files: scanned.files, end: anchorAt(scanned, read.state.anchor, bound), tapes }
})

/** The trouble that a look is in, unless something was listed since it read lib meta: then it is none. */
const unlessMoved = (root: Root, read: ReadState, trouble: OpenError): Effect.Effect<Again, StorageError> =>
  Effect.map(root.readMeta(undefined), (meta) => new Again(meta?.version === read.version ? trouble : undefined))

/** The hint, if it is of this run of the system. */
const readHint = (root: Root) =>
  Effect.map(root.readHint, (bytes) => {
    const hint = Hint.decode(bytes)
    return hint !== undefined && root.boot !== undefined && hint.boot === root.boot ? hint : undefined
  })

const visible = (parts: ReadonlyArray<LivePart>, after: number, upto: number): Array<LivePart> =>
  parts.filter((part) => part.batch > after && part.batch <= upto)

/** Records of batches behind `after`, up to `upto`. */
const countIn = (parts: ReadonlyArray<LivePart>, after: number, upto: number): number => {
  let count = 0
  for (const part of parts) if (part.batch > after && part.batch <= upto) count += part.count
  return count
}

/** Where the lib stood behind batch `batch`. */
const anchorAt = (scanned: Scanned, before: Anchor, batch: number): Anchor => {
  if (batch === scanned.anchor.batch) return scanned.anchor
  let position = before.position
  for (const file of scanned.files) {
    for (const parts of file.parts.values()) {
      for (const part of parts) if (part.batch <= batch) position = Math.max(position, part.endPosition)
    }
  }
  return { batch, position, hash: before.hash }
}

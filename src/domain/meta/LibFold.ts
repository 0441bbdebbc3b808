/** Folds the records of lib meta into its state. */
import { deepFreeze } from "../base/deepFreeze.ts"
import { EpochRegression, MetaInvalid } from "../format/Errors.ts"
import { checkLimits, type Limits } from "../format/Limits.ts"
import { checkTapeName, InvalidTapeName } from "../format/Names.ts"
import type { Placement } from "../format/Placement.ts"
import { type CheckpointState, whyNotCheckpoint } from "./Checkpoint.ts"
import {
  type BackupMark,
  type Branch,
  formatOf,
  type LibState,
  type LiveDynamic,
  type TapeListing
} from "./LibState.ts"
import { type Anchor, type LibRecord, origin, type Role, type Unchained } from "./SystemRecord.ts"

/** Largest number in a lib that is opened, so that counting up from it stays exact. */
const numberMax = 2 ** 48

/** A state that is being folded. */
interface Draft {
  format: number
  lib: string
  created: string
  limits: Limits
  placement: Placement
  tapes: Map<string, TapeListing>
  replaced: Array<TapeListing>
  roles: Map<string, Role>
  unfinished: boolean
  epoch: number
  anchor: Anchor
  upto: number
  live: Array<LiveDynamic>
  highest: number
  branches: Array<Branch>
  checkpoints: Map<string, CheckpointState>
  areCheckpointsLost: boolean
  backup: BackupMark | undefined
}

/**
 * Folds the records of a lib's meta, in order.
 *
 * @throws MetaInvalid | EpochRegression | InvalidTapeName
 */
export const fold = (meta: string, records: ReadonlyArray<LibRecord>): LibState => {
  const first = records[0]
  if (first?.$type !== "LiteLib.Meta")
    throw new MetaInvalid({ meta, line: 1, why: "the first line is not LiteLib.Meta" })
  // Everything that is read later is measured by these limits, so none of them may be too large.
  const wrong = checkLimits(first.limits)
  if (wrong !== undefined) throw new MetaInvalid({ meta, line: 1, why: `${wrong.setting} ${wrong.why}` })
  const draft: Draft = {
    format: first.format,
    lib: first.lib,
    created: first.created,
    limits: deepFreeze(first.limits),
    placement: deepFreeze(first.placement),
    tapes: new Map(),
    replaced: [],
    roles: new Map(),
    unfinished: false,
    epoch: 0,
    anchor: origin,
    upto: 0,
    live: [],
    highest: 0,
    branches: [],
    checkpoints: new Map(),
    areCheckpointsLost: false,
    backup: undefined
  }
  for (let index = 1; index < records.length; index++) {
    apply(meta, index + 1, draft, records[index]!)
  }
  const { anchor, epoch, highest, upto } = draft
  if (Math.max(epoch, highest, upto, anchor.batch, anchor.position) > numberMax) {
    throw new MetaInvalid({
      meta,
      line: records.length,
      why: "its epochs, batches or positions have used up all numbers"
    })
  }
  checkFormat(meta, first.format, draft)
  // A writer creates tapes, and begins with its epoch. Without an epoch, lib meta has lost where the commits stand.
  if (draft.epoch === 0 && draft.tapes.size > 0) {
    throw new MetaInvalid({ meta, line: records.length, why: "it lists tapes but no epoch, so its end is missing" })
  }
  return { ...draft, records: records.length }
}

/** What one more record changes in a state. Its maps hold only the tapes, and the consumer, that the record names. */
export interface Change {
  readonly draft: Draft
  readonly records: number
}

/**
 * Returns what one more record of this writer changes. The state stays as it is, and the cost does not grow with its
 * tapes.
 *
 * @throws MetaInvalid | EpochRegression | InvalidTapeName
 */
export const change = (state: LibState, record: Unchained<LibRecord>): Change => {
  const tapes = new Map<string, TapeListing>()
  const roles = new Map<string, Role>()
  if (record.$type === "LiteLib.Tape") {
    const known = state.tapes.get(record.name)
    if (known !== undefined) tapes.set(record.name, known)
    for (const id of [record.tape, record.replaces]) {
      const role = id === undefined ? undefined : state.roles.get(id)
      if (role !== undefined) roles.set(id!, role)
    }
  }
  const draft: Draft = {
    ...state,
    tapes,
    roles,
    replaced: [...state.replaced],
    live: [...state.live],
    branches: [...state.branches],
    checkpoints: new Map()
  }
  apply("lib meta", state.records + 1, draft, record)
  return { draft, records: state.records + 1 }
}

/**
 * Returns the state after a change that was made from it. It takes over the maps of the state, which must not be used
 * any more: otherwise each of many new tapes would cost a copy of all tapes before it.
 */
export const advance = (state: LibState, { draft, records }: Change): LibState => {
  const tapes = state.tapes as Map<string, TapeListing>
  const roles = state.roles as Map<string, Role>
  for (const [name, listed] of draft.tapes) tapes.set(name, listed)
  for (const [id, role] of draft.roles) roles.set(id, role)
  const checkpoints = state.checkpoints as Map<string, CheckpointState>
  for (const [consumer, checkpoint] of draft.checkpoints) checkpoints.set(consumer, checkpoint)
  return { ...draft, tapes, roles, checkpoints, records }
}

/** Returns the state after one more record, as a copy. */
export const after = (state: LibState, record: Unchained<LibRecord>): LibState =>
  advance(
    {
      ...state,
      tapes: new Map(state.tapes),
      roles: new Map(state.roles),
      checkpoints: new Map(state.checkpoints)
    },
    change(state, record)
  )

const apply = (meta: string, line: number, draft: Draft, record: Unchained<LibRecord>): void => {
  const invalid = (why: string) => new MetaInvalid({ meta, line, why })
  if (draft.backup !== undefined) throw invalid("something follows LiteLib.Backup, which is the last line")
  switch (record.$type) {
    case "LiteLib.Meta":
      throw invalid("LiteLib.Meta occurs a second time")
    case "LiteLib.Unfinished":
      draft.unfinished = true
      return
    case "LiteLib.Tape":
      return applyTape(draft, record, invalid)
    case "LiteLib.Epoch": {
      if (record.epoch <= draft.epoch) {
        throw new EpochRegression({ meta, line, epoch: record.epoch, after: draft.epoch })
      }
      if (record.dynamic <= draft.highest) throw invalid(`dynamic segment ${record.dynamic} was listed before`)
      if (record.upto < record.anchor.batch) throw invalid("upto is lower than the batch of the anchor")
      checkOld(record, invalid)
      draft.epoch = record.epoch
      draft.anchor = record.anchor
      draft.upto = record.upto
      draft.live = record.old.map(([dynamic, limit]) => ({ dynamic, limit }))
      draft.live.push({ dynamic: record.dynamic, limit: undefined })
      draft.highest = record.dynamic
      return
    }
    case "LiteLib.Dynamic":
      if (draft.epoch === 0) throw invalid("a dynamic segment is listed before the first epoch")
      if (record.dynamic <= draft.highest) throw invalid(`dynamic segment ${record.dynamic} was listed before`)
      draft.live.push({ dynamic: record.dynamic, limit: undefined })
      draft.highest = record.dynamic
      return
    case "LiteLib.Closed":
      if (draft.live[0]?.dynamic !== record.dynamic)
        throw invalid(`dynamic segment ${record.dynamic} is closed, but is not the oldest live one`)
      if (record.anchor.batch < draft.anchor.batch) throw invalid("the anchor is lower than the one before it")
      draft.live.shift()
      draft.anchor = record.anchor
      return
    case "LiteLib.Clean":
      if (record.anchor.batch < draft.anchor.batch) throw invalid("the anchor is lower than the one before it")
      draft.live = []
      draft.anchor = record.anchor
      return
    case "LiteLib.Lineage":
      return applyLineage(draft, record, invalid)
    case "LiteLib.Checkpoint":
      return applyCheckpoint(draft, record, invalid)
    case "LiteLib.CheckpointsLost":
      draft.areCheckpointsLost = true
      return
    case "LiteLib.Backup": {
      const { anchor, tapes, time } = record
      if (draft.live.length > 0) throw invalid("a backup has dynamic segments")
      const { batch, hash, position } = draft.anchor
      if (anchor.batch !== batch || anchor.hash !== hash || anchor.position !== position)
        throw invalid("the backup is of another batch than lib meta")
      if (!isEachTape(draft, tapes)) throw invalid("the backup does not name each tape of the lib once")
      draft.backup = deepFreeze({ anchor, tapes, time })
      return
    }
  }
}

const isEachTape = ({ tapes }: Draft, marked: BackupMark["tapes"]): boolean => {
  const ids = new Set(Array.from(tapes.values(), ({ tape }) => tape))
  return marked.length === ids.size && marked.every(([tape]) => ids.delete(tape))
}

const applyCheckpoint = (
  draft: Draft,
  { above, at, consumer, lost, low, version }: Extract<Unchained<LibRecord>, { readonly $type: "LiteLib.Checkpoint" }>,
  invalid: (why: string) => MetaInvalid
): void => {
  const why = whyNotCheckpoint({ above, low })
  if (why !== undefined) throw invalid(why)
  const known = { ...(at === undefined ? {} : { at }), ...(lost === undefined ? {} : { isLost: lost }) }
  draft.checkpoints.set(consumer, deepFreeze({ version, low, above, ...known }))
}

const applyLineage = (
  draft: Draft,
  { anchor, from, lineage, time }: Branch,
  invalid: (why: string) => MetaInvalid
): void => {
  const last = draft.branches.at(-1)
  if (draft.epoch > 0) throw invalid("a lineage begins after an epoch")
  if (from !== (last?.lineage ?? draft.lib)) throw invalid("a lineage does not branch from the one before it")
  if (lineage === draft.lib || draft.branches.some((branch) => branch.lineage === lineage))
    throw invalid("a lineage begins twice")
  if (last !== undefined && (anchor.batch < last.anchor.batch || anchor.position < last.anchor.position))
    throw invalid("a lineage branches from a place before the lineage that it names")
  draft.branches.push(deepFreeze({ anchor, from, lineage, time }))
}

const checkOld = (
  record: { readonly old: ReadonlyArray<readonly [number, number]>; readonly dynamic: number; readonly upto: number },
  invalid: (why: string) => MetaInvalid
): void => {
  let before = 0
  let beforeLimit = 0
  for (const [dynamic, limit] of record.old) {
    if (dynamic <= before || dynamic >= record.dynamic) throw invalid("old dynamic segments are not in order")
    if (limit < beforeLimit || limit >= record.upto) throw invalid("limits of old dynamic segments are not in order")
    before = dynamic
    beforeLimit = limit
  }
}

/** Checks the name of a tape, which becomes a path. */
const checkName = (name: string, line: number): void => {
  try {
    checkTapeName(name)
  } catch (error) {
    if (!(error instanceof InvalidTapeName)) throw error
    throw new InvalidTapeName({ name: error.name, why: `${error.why}; it is in line ${line} of lib meta` })
  }
}

const applyTape = (
  draft: Draft,
  record: Extract<Unchained<LibRecord>, { readonly $type: "LiteLib.Tape" }>,
  invalid: (why: string) => MetaInvalid
): void => {
  checkName(record.name, invalid("").line)
  const known = draft.tapes.get(record.name)
  if (known === undefined) {
    if (draft.roles.has(record.tape)) throw invalid("the id of a tape is listed under another name too")
  } else if (known.tape !== record.tape) {
    if (record.replaces !== known.tape) throw invalid(`tape ${record.name} is listed twice`)
    draft.replaced.push(known)
  } else if (known.role !== record.role) {
    throw invalid(`tape ${record.name} changes its role`)
  }
  if (record.replaces !== undefined) draft.roles.set(record.replaces, record.role)
  draft.roles.set(record.tape, record.role)
  const { name, tape, role, state } = record
  // Once listed, it holds for all later records of the tape.
  const replaces = record.replaces ?? (known?.tape === tape ? known.replaces : undefined)
  draft.tapes.set(name, deepFreeze({ name, tape, role, state, ...(replaces === undefined ? {} : { replaces }) }))
}

const checkFormat = (meta: string, format: number, draft: Draft): void => {
  if (format < formatOf(draft))
    throw new MetaInvalid({ meta, line: 1, why: `it has format ${format}, but something in it needs a later one` })
}

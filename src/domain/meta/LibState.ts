/**
 * Lib meta, folded: which tapes there are, which dynamic segments hold what, and where the chain of commits has got to.
 */
import { EpochRegression, MetaInvalid } from "../format/Errors.ts"
import { formatVersion } from "../format/Format.ts"
import { deepFreeze } from "../base/deepFreeze.ts"
import { invariant } from "../base/invariant.ts"
import { checkLimits, type Limits } from "../format/Limits.ts"
import { checkTapeName, InvalidTapeName } from "../format/Names.ts"
import type { Placement } from "../format/Placement.ts"
import { type Anchor, type LibRecord, type Role, origin, type Unchained } from "./SystemRecord.ts"

/** A tape as its lib lists it. */
export interface TapeListing {
  readonly name: string
  readonly tape: string
  readonly role: Role
  readonly state: "active" | "archived"
  readonly replaces?: string
}

/** A dynamic segment that may hold batches which are in no segment yet. */
export interface LiveDynamic {
  readonly dynamic: number
  /** Batches behind this one are no part of the file: a later file has them. `undefined`: no limit. */
  readonly limit: number | undefined
}

export interface LibState {
  readonly lib: string
  readonly created: string
  readonly limits: Limits
  readonly placement: Placement
  readonly tapes: ReadonlyMap<string, TapeListing>
  /** Listings of tapes that were recovered under a new id, oldest first: dynamic segments may still speak of them. */
  readonly replaced: ReadonlyArray<TapeListing>
  /** Role of every tape id that was ever listed: what a batch says of a replaced tape can still be read. */
  readonly roles: ReadonlyMap<string, Role>
  /** 0 before the first writer. */
  readonly epoch: number
  /** Everything up to here is in segments. */
  readonly anchor: Anchor
  /** The dynamic segments must reach at least this batch. */
  readonly upto: number
  /** In the order of their batches. */
  readonly live: ReadonlyArray<LiveDynamic>
  /** The highest number of a dynamic segment that was ever listed. */
  readonly highest: number
  /** How many records say this; a rewrite is due when it is far beyond what is live. */
  readonly records: number
}

/** What a lib counts is not larger when it is opened: there is always room to count on. */
const numberMax = 2 ** 48

interface Draft {
  lib: string
  created: string
  limits: Limits
  placement: Placement
  tapes: Map<string, TapeListing>
  replaced: Array<TapeListing>
  roles: Map<string, Role>
  epoch: number
  anchor: Anchor
  upto: number
  live: Array<LiveDynamic>
  highest: number
}

/**
 * Folds the records of a lib's meta, in order.
 *
 * @throws MetaInvalid | EpochRegression | InvalidTapeName
 */
export const fold = (meta: string, records: ReadonlyArray<LibRecord>): LibState => {
  const first = records[0]
  if (first?.$type !== "LiteLib.Meta") throw new MetaInvalid({ meta, line: 1, why: "must be LiteLib.Meta" })
  // They are what everything that is read afterwards is measured by: none of them may be as large as one likes.
  const wrong = checkLimits(first.limits)
  if (wrong !== undefined) throw new MetaInvalid({ meta, line: 1, why: `${wrong.setting} ${wrong.why}` })
  const draft: Draft = {
    lib: first.lib,
    created: first.created,
    limits: deepFreeze(first.limits),
    placement: deepFreeze(first.placement),
    tapes: new Map(),
    replaced: [],
    roles: new Map(),
    epoch: 0,
    anchor: origin,
    upto: 0,
    live: [],
    highest: 0
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
  // Tapes are made by a writer, and a writer begins with its epoch: without one, where the commits stand is lost.
  if (draft.epoch === 0 && draft.tapes.size > 0) {
    throw new MetaInvalid({ meta, line: records.length, why: "lists tapes but no epoch: its end is missing" })
  }
  return { ...draft, records: records.length }
}

/** The state after one more record that this writer has just written. */
export const after = (state: LibState, record: Unchained<LibRecord>): LibState => {
  const draft: Draft = {
    ...state,
    tapes: new Map(state.tapes),
    replaced: [...state.replaced],
    roles: new Map(state.roles),
    live: [...state.live]
  }
  apply("lib meta", state.records + 1, draft, record)
  return { ...draft, records: state.records + 1 }
}

const apply = (meta: string, line: number, draft: Draft, record: Unchained<LibRecord>): void => {
  const invalid = (why: string) => new MetaInvalid({ meta, line, why })
  switch (record.$type) {
    case "LiteLib.Meta":
      throw invalid("a second LiteLib.Meta")
    case "LiteLib.Tape":
      return applyTape(draft, record, invalid)
    case "LiteLib.Epoch": {
      if (record.epoch <= draft.epoch) {
        throw new EpochRegression({ meta, line, epoch: record.epoch, after: draft.epoch })
      }
      if (record.dynamic <= draft.highest) throw invalid(`dynamic segment ${record.dynamic} was listed before`)
      if (record.upto < record.anchor.batch) throw invalid("upto is before the anchor")
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
      if (draft.epoch === 0) throw invalid("a dynamic segment before the first epoch")
      if (record.dynamic <= draft.highest) throw invalid(`dynamic segment ${record.dynamic} was listed before`)
      draft.live.push({ dynamic: record.dynamic, limit: undefined })
      draft.highest = record.dynamic
      return
    case "LiteLib.Closed":
      if (draft.live[0]?.dynamic !== record.dynamic)
        throw invalid(`dynamic segment ${record.dynamic} is not the oldest`)
      if (record.anchor.batch < draft.anchor.batch) throw invalid("the anchor goes back")
      draft.live.shift()
      draft.anchor = record.anchor
      return
    case "LiteLib.Clean":
      if (record.anchor.batch < draft.anchor.batch) throw invalid("the anchor goes back")
      draft.live = []
      draft.anchor = record.anchor
      return
  }
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

/** It becomes a path. */
const checkName = (name: string, line: number): void => {
  try {
    checkTapeName(name)
  } catch (error) {
    if (!(error instanceof InvalidTapeName)) throw error
    throw new InvalidTapeName({ name: error.name, why: `${error.why}; lib meta has it in line ${line}` })
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
    if (draft.roles.has(record.tape)) throw invalid("a tape id that is listed under another name")
  } else if (known.tape !== record.tape) {
    if (record.replaces !== known.tape) throw invalid(`tape ${record.name} is listed twice`)
    draft.replaced.push(known)
  } else if (known.role !== record.role) {
    throw invalid(`tape ${record.name} changes its role`)
  }
  if (record.replaces !== undefined) draft.roles.set(record.replaces, record.role)
  draft.roles.set(record.tape, record.role)
  const { name, tape, role, state } = record
  // Said once, it is true of all that is said of the tape later.
  const replaces = record.replaces ?? (known?.tape === tape ? known.replaces : undefined)
  draft.tapes.set(name, deepFreeze({ name, tape, role, state, ...(replaces === undefined ? {} : { replaces }) }))
}

/**
 * The records that say the same in as few lines as can be, without the epoch and its dynamic segments: the next epoch
 * follows them.
 */
export const refold = (state: LibState): Array<Unchained<LibRecord>> => {
  const records: Array<Unchained<LibRecord>> = [
    {
      $type: "LiteLib.Meta",
      created: state.created,
      format: formatVersion,
      lib: state.lib,
      limits: state.limits,
      placement: state.placement
    }
  ]
  for (const tape of [...state.replaced, ...state.tapes.values()]) records.push({ $type: "LiteLib.Tape", ...tape })
  return records
}

/** The records of a state within its epoch: a rewrite of lib meta while its writer runs. */
export const refoldWithin = (state: LibState): Array<Unchained<LibRecord>> => {
  const records = refold(state)
  const old = state.live.filter((live) => live.limit !== undefined)
  const [first, ...rest] = state.live.filter((live) => live.limit === undefined)
  invariant(first !== undefined, "a writer at work has a dynamic segment")
  records.push({
    $type: "LiteLib.Epoch",
    anchor: state.anchor,
    dynamic: first.dynamic,
    epoch: state.epoch,
    old: old.map((live): [number, number] => [live.dynamic, live.limit ?? 0]),
    upto: Math.max(state.upto, state.anchor.batch)
  })
  for (const live of rest) records.push({ $type: "LiteLib.Dynamic", dynamic: live.dynamic })
  return records
}

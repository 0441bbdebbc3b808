/**
 * The limit of meta, kept when writing: what would not be read again is not written. A record that a user asks for is
 * refused before anything is written for it, so that being full stops nobody's writer.
 */
import * as Effect from "effect/Effect"
import { MetaInvalid } from "../../domain/format/Errors.ts"
import { libMetaFile, tapeMetaFile } from "../../domain/format/Format.ts"
import * as LibState from "../../domain/meta/LibState.ts"
import { defaultLimits, checkLimits, type Limits, metaRoomBytes } from "../../domain/format/Limits.ts"
import * as MetaChain from "../../domain/meta/MetaChain.ts"
import type { LibRecord, Unchained } from "../../domain/meta/SystemRecord.ts"
import type { Meta, Root, StorageError } from "../ports/Storage.ts"

/** Reads the meta of a lib, or of a tape, unless it has more than `bytesMax` bytes: then nothing of it is read. */
export const readMeta = (
  root: Root,
  tape: string | undefined,
  bytesMax: number
): Effect.Effect<Meta | undefined, MetaInvalid | StorageError> =>
  Effect.mapError(root.meta.read(tape, bytesMax), (error) => {
    if (error.reason !== "too-large") return error
    const why =
      tape === undefined
        ? `${error.detail}, the limit: open it with the limits.metaBytesMax that it was made with`
        : `${error.detail}, which is the lib's metaBytesMax: put a copy back, or recover the tape`
    return new MetaInvalid({ meta: metaOf(tape), line: 0, why })
  })

/** How much lib meta is read where it has not said yet what its limit is. */
export const libMetaBudget = (limits: Partial<Limits> | undefined): number => {
  const given = limits?.metaBytesMax ?? defaultLimits.metaBytesMax
  const isLimit = checkLimits({ ...defaultLimits, metaBytesMax: given }) === undefined
  return isLimit ? Math.max(given, defaultLimits.metaBytesMax) : defaultLimits.metaBytesMax
}

/** The last record of a writer: there must always be room for it, since behind it nothing can be folded away. */
const cleanBytesMax = 1024

/** What the limits of lib meta are about: what is in it, and how large it is. */
interface LibMetaView {
  readonly state: LibState.LibState
  readonly end: string | null
  readonly bytes: number
}

/** Whether lib meta has to be folded afresh before so many bytes are added to it. */
export const isFull = ({ bytes, state }: LibMetaView, more: number): boolean =>
  bytes + more > state.limits.metaBytesMax - cleanBytesMax

/** What a writer stops with where not even its own records have room any more. */
export const libMetaFull = (bytes: number, { metaBytesMax }: Limits): string =>
  `${libMetaFile} would have ${bytes} bytes, its limit metaBytesMax is ${metaBytesMax}`

/** Fails where lib meta has no room for one more tape: of its limit, a part is kept for what its writer has to say. */
export const checkLibMetaRoom = (
  { bytes: before, end, state }: LibMetaView,
  record: Unchained<LibRecord>
): Effect.Effect<void, MetaInvalid> =>
  Effect.suspend(() => {
    const { limits } = state
    const bytesMax = limits.metaBytesMax - metaRoomBytes(limits)
    const line = MetaChain.write<LibRecord>(end, [record], limits).bytes.length
    if (before + line <= bytesMax) return Effect.void
    // Folded afresh it may be smaller.
    const records = LibState.refoldWithin(LibState.after(state, record))
    const bytes = MetaChain.write<LibRecord>(null, records, limits).bytes.length
    if (bytes <= bytesMax) return Effect.void
    const why = `would have ${bytes} bytes, tapes may take ${bytesMax} of its limit metaBytesMax, ${limits.metaBytesMax}: use fewer tapes, or make a lib with a higher one`
    return Effect.fail(new MetaInvalid({ meta: libMetaFile, line: state.records + 1, why }))
  })

/** What one more segment may add to meta, in bytes: its fields, and a Merkle state of a stream of any length. */
export const segmentLineBytesMax = 8 * 1024

/** Fails where the meta of a tape would be larger than it may. */
export const checkTapeMetaSize = (
  limits: Limits,
  tape: string,
  bytes: number,
  line: number
): Effect.Effect<void, MetaInvalid> => {
  const { metaBytesMax } = limits
  if (bytes <= metaBytesMax) return Effect.void
  const why = `would have ${bytes} bytes, its limit metaBytesMax is ${metaBytesMax}: repack the tape into larger segments`
  return Effect.fail(new MetaInvalid({ meta: metaOf(tape), line, why }))
}

const metaOf = (tape: string | undefined): string => (tape === undefined ? libMetaFile : `${tape}/${tapeMetaFile}`)

/**
 * Tells which streams of undamaged files without a meta are ambiguous (decision 0025): a model over arrays of lines
 * instead of files, which tries every position.
 */

type Lines = ReadonlyArray<string>
/** The lines of each closed segment. */
type Segments = ReadonlyArray<Lines>

/**
 * Returns whether the stream is ambiguous. `behind`: lines that are in no segment yet. `indexes`: whether the files
 * have their indexes; nothing else proves that a file is intact.
 */
export const isAmbiguous = (segments: Segments, behind: Lines, indexes: boolean): boolean =>
  repeatsItself(segments) || overlaps(segments) || (!indexes && resembles(segments)) || shares(segments, behind)

const standsAt = (lines: Lines, all: Lines, at: number): boolean =>
  lines.every((line, index) => line === all[at + index])

/** Whether all records of one segment occur again in others, in a row. */
const repeatsItself = (segments: Segments): boolean =>
  segments.some((segment, index) =>
    [segments.slice(0, index).flat(), segments.slice(index + 1).flat()].some((others) =>
      others.some((_, at) => standsAt(segment, others, at))
    )
  )

/** Whether the end of one segment is the beginning of another one. */
const overlaps = (segments: Segments): boolean =>
  segments.some((segment, index) =>
    segments.some((other, at) => at !== index && segment.some((_, start) => standsAt(segment.slice(start), other, 0)))
  )

/** Whether two rows of segments, laid over each other at some offset, agree in more than half of the overlap. */
const resembles = (segments: Segments): boolean => {
  const rows = segments.flatMap((_, from) => segments.slice(from).map((_, length) => ({ from, to: from + length + 1 })))
  return rows.some((row) =>
    rows.some((other) => other.from >= row.to && areAlike(linesIn(segments, row), linesIn(segments, other)))
  )
}

const linesIn = (segments: Segments, row: { readonly from: number; readonly to: number }) =>
  segments.slice(row.from, row.to).flat()

const areAlike = (before: Lines, behind: Lines): boolean => {
  for (let offset = 1 - behind.length; offset < before.length; offset++) {
    const over = before.slice(Math.max(0, offset), Math.max(0, offset + behind.length))
    const same = over.filter((line, index) => line === behind[Math.max(0, -offset) + index]).length
    if (same * 2 > over.length) return true
  }
  return false
}

/** Whether a record of a segment was appended again, and is in no segment yet. */
const shares = (segments: Segments, behind: Lines): boolean => {
  const closed = new Set(segments.flat())
  return behind.some((line) => closed.has(line))
}

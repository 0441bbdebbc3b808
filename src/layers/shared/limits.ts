/** Limits of what one process sends to another. */
import type { Limits } from "../../domain/format/Limits.ts"

const MiB = 1024 * 1024

/**
 * Bytes of one frame, at most: the largest batch, with a condition. An event is shorter in a request than its line in a
 * segment. A text of JavaScript cannot be much longer than 512 MiB.
 */
export const frameBytesMax = ({ batchBytesMax }: Limits): number => Math.min(batchBytesMax + 16 * MiB, 500 * MiB)

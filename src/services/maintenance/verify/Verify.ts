/**
 * Verifies a tape or a lib: everything that can be checked from the disk. Continues after each defect, and lists all of
 * them.
 */
import * as Effect from "effect/Effect"
import type { LibClosed } from "../../../domain/format/Errors.ts"
import { libMetaFile, tapeMetaFile } from "../../../domain/format/Format.ts"
import { eventsMax } from "../../../domain/meta/Losses.ts"
import type { LibHandle } from "../../lib/LibHandle.ts"
import type { OpenTape } from "../../lib/OpenTape.ts"
import { checkDynamics, checkLibMeta, tornTail } from "./VerifyMeta.ts"
import type { Finding, VerifyOptions, VerifyReport } from "./VerifyReport.ts"
import { begin, check, end, findingOf, type Run } from "./VerifyRun.ts"
import { checkTape } from "./VerifyTape.ts"

/** Verifies one tape. */
export const verifyTape = Effect.fnUntraced(function* (
  lib: LibHandle,
  tape: OpenTape,
  options: VerifyOptions = {}
): Effect.fn.Return<VerifyReport, LibClosed> {
  const run = begin(lib, [tape], options)
  yield* checkTape(run, tape)
  return end(run, [tape], 1)
})

/** Verifies a lib: its meta, its dynamic segments, all of its tapes, and that no event is missing. */
export const verifyLib = Effect.fnUntraced(function* (
  lib: LibHandle,
  options: VerifyOptions = {}
): Effect.fn.Return<VerifyReport, LibClosed> {
  const tapes: Array<OpenTape> = []
  const early: Array<Finding> = []
  for (const { name } of lib.meta.state.tapes.values()) {
    const tape = yield* Effect.result(lib.tapes.get(name))
    if (tape._tag === "Success") tapes.push(tape.success)
    else early.push(findingOf(`${name}/${tapeMetaFile}`, tape.failure))
  }
  const run = begin(lib, tapes, options)
  run.bad.push(...early)
  yield* check(run, libMetaFile, checkLibMeta(lib))
  yield* check(run, "dynamic segments", checkDynamics(lib))
  for (const tape of tapes) yield* checkTape(run, tape)
  checkPositions(run, tapes)
  const tail = yield* tornTail(lib)
  return { ...end(run, tapes, lib.meta.state.tapes.size), ...(tail === undefined ? {} : { tornTail: tail }) }
})

/** Positions have no gaps but for lost events, so there must be as many events as the next position says. */
const checkPositions = (run: Run, tapes: ReadonlyArray<OpenTape>): void => {
  const { lib } = run
  let events = 0
  for (const tape of tapes) if (tape.role === "events") events += tape.records
  const all = [...lib.meta.state.tapes.values()].filter((listed) => listed.role === "events")
  const names = new Set(tapes.map((tape) => tape.name))
  const isComplete = all.every((listed) => names.has(listed.name))
  const lost = tapes.flatMap((tape) => (tape.role === "events" ? tape.state.lost : []))
  const missing = lib.journal.durable.position - events
  const isKnown =
    missing >= lost.reduce((sum, { records }) => sum + (records ?? 0), 0) &&
    missing <= lost.reduce((sum, loss) => sum + eventsMax(loss), 0)
  if (!isComplete || isKnown) return
  const why = `the tapes hold ${events} events, but the next position is ${lib.journal.durable.position}`
  run.bad.push({ file: libMetaFile, offset: 0, error: "PositionGap", why })
}

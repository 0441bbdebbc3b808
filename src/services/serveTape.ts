/** An open tape over the session that its lib has. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { invariant } from "../domain/base/invariant.ts"
import type { Check } from "../domain/format/checkOptions.ts"
import { checkOptions } from "./base/checkCall.ts"
import { inSpan } from "./base/spans.ts"
import type { HeldTape, ReloadError } from "./HeldTape.ts"
import { accessOf } from "./internals.ts"
import { withSession } from "./lib/Access.ts"
import type { LibHandle } from "./lib/LibHandle.ts"
import type { OpenTape } from "./lib/OpenTape.ts"
import { changeUserMeta } from "./lib/UserMeta.ts"
import type { Located } from "./maintenance/Equivalence.ts"
import { cloneChecks, proofChecks, repackChecks, verifyChecks } from "./maintenance/optionChecks.ts"
import { checkHead, clone, head, proveConsistency, proveInclusion, repack, verifyTape } from "./onDemand.ts"
import { recordRangeChecks, tapeRecords } from "./read/RecordStream.ts"
import { findSegment, segmentsOf, segmentStream } from "./read/SegmentService.ts"
import type { Meta, TapeService } from "./TapeService.ts"
import { appendRecords } from "./write/appendRecords.ts"
import { flush } from "./write/flush.ts"

const held = new WeakMap<object, HeldTape>()

/** Returns where the records of a tape are, in the present session. */
export const locate = (tape: TapeService): Effect.Effect<Located, ReloadError> =>
  Effect.suspend(() => {
    const found = held.get(tape)
    invariant(found !== undefined, "a Tape comes from Tape.make")
    return found.use((handle, _, current) => Effect.succeed({ lib: handle, tape: current() }))
  })
/** Returns the service of an open tape. */
export const serve = (tape: HeldTape): TapeService => {
  const { name } = tape
  const served: TapeService = {
    name,
    get id() {
      return tape.last.id
    },
    meta: tape.look(describe),
    size: tape.look((_, current) => current.records),
    append: (records) =>
      withSession(tape.access, ({ handle, writer }) =>
        writer === undefined
          ? Effect.flatMap(handle.guard.check, () => Effect.die(new Error("the guard of a reader refuses appends")))
          : Effect.map(appendRecords(handle, writer.loop, [{ tape: name, records }]), (receipts) => receipts[0]!)
      ),
    records: (range) =>
      tape.stream((handle, current) =>
        Stream.unwrap(
          Effect.as(
            checkOptions("Tape.records", range, recordRangeChecks, "range"),
            tapeRecords(handle, current, range)
          )
        )
      ),
    segments: tape.look((_, current) => segmentsOf(current)),
    iterateSegments: Stream.unwrap(tape.look((handle, _, current) => segmentStream(handle, current))),
    appendSegment: tape.use((handle, opened) =>
      Effect.gen(function* () {
        yield* handle.guard.check
        const moved = yield* flush(handle, opened, handle.journal.durable.batch)
        return moved === 0 ? undefined : segmentsOf(opened).at(-1)
      })
    ),
    segment: (number) => Effect.flatten(tape.look((handle, _, current) => findSegment(handle, current, number))),
    readSegment: (number) =>
      tape.stream((handle, current) =>
        Stream.unwrap(Effect.map(findSegment(handle, current, number), (found) => found.records))
      ),
    verifySegment: (number) =>
      tape.use((handle, _, current) => Effect.flatMap(findSegment(handle, current, number), (found) => found.verify)),
    ...maintenanceOf(tape),
    setUserMeta: (key, value) => tape.use((handle, opened) => changeUserMeta(handle, opened, key, value)),
    removeUserMeta: (key) => tape.use((handle, opened) => changeUserMeta(handle, opened, key, undefined))
  }
  held.set(served, tape)
  return served
}

type Maintenance = "head" | "root" | "checkHead" | "proveInclusion" | "proveConsistency" | "repack" | "clone" | "verify"

/** What works on the whole tape. */
const maintenanceOf = (tape: HeldTape): Pick<TapeService, Maintenance> => {
  const checked = <A, E>(
    call: string,
    options: unknown,
    checks: Readonly<Record<string, Check>>,
    use: Parameters<typeof tape.use<A, E>>[0]
  ) => {
    const checkedUse = Effect.andThen(checkOptions(call, options, checks), tape.use(use))
    const operation = call.replace(/^Tape\./, "")
    const { location } = tape.access.current.handle
    return inSpan(
      () => ({ operation, location, attributes: { "litetapes.tape": tape.name } }),
      () => checkedUse
    )
  }
  return {
    head: tape.use((handle, _, current) => head(handle, current())),
    root: tape.use((handle, _, current) => Effect.map(head(handle, current()), (found) => found.root)),
    checkHead: (expected) => tape.use((handle, _, current) => checkHead(handle, current(), expected)),
    proveInclusion: (ordinal, options) =>
      checked("Tape.proveInclusion", options, proofChecks, (handle, _, current) =>
        proveInclusion(handle, current(), ordinal, options)
      ),
    proveConsistency: (earlier, options) =>
      checked("Tape.proveConsistency", options, proofChecks, (handle, _, current) =>
        proveConsistency(handle, current(), earlier, options)
      ),
    repack: (options) =>
      checked("Tape.repack", options, repackChecks, (handle, opened) => repack(handle, opened, options)),
    clone: (target, as, options) =>
      checked("Tape.clone", options, cloneChecks, (handle, opened) =>
        withSession(accessOf(target), (to) => clone(handle, opened, to.handle, as, options))
      ),
    verify: (options) =>
      checked("Tape.verify", options, verifyChecks, (handle, _, current) =>
        Effect.andThen(
          handle.guard.checkOpen,
          Effect.suspend(() => verifyTape(handle, current(), options))
        )
      )
  }
}

const describe = (lib: LibHandle, tape: OpenTape): Meta => {
  return {
    tape: tape.id,
    name: tape.name,
    lib: tape.state.lib,
    role: tape.role,
    state: lib.tapes.listing(tape.name)?.state ?? "active",
    created: tape.state.created,
    origin: tape.state.origin,
    records: tape.records,
    segments: tape.state.segments.length,
    userMeta: Object.fromEntries(tape.state.userMeta)
  }
}

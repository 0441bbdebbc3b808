/**
 * Tries every operation with every amount of free space: `program.ts KIND FOLDER TEMPLATES SIZE`. `FOLDER` is the small
 * disk, of the kind `KIND`; template libs are made in the folder `TEMPLATES`. Prints the result as JSON.
 */
import { say } from "../../support/children.ts"
import type { Result } from "../campaign.ts"
import { isEndless, type Operation, operations } from "./operations.ts"
import { makeTemplates, type Template, tryPoint } from "./point.ts"
import { makeRoom, type Room, type RoomKind } from "./room.ts"

const [kind, folder, templates, sizeText] = process.argv.slice(2)

/** Most amounts of free space that are tried for one operation, far more than it needs. */
const amountsMax = 60

interface Seen {
  points: number
  readonly failures: Array<string>
  readonly figures: Array<string>
}

/** Returns the number of blocks from one amount to the next; an ordinary run takes two of the small blocks of ext4. */
const strideOf = (room: Room, operation: Operation | undefined): number => {
  if (sizeText !== "ordinary") return 1
  if (operation !== undefined && isEndless(operation)) return 5
  return room.kind === "ext4" ? 2 : 1
}

/** Increases the free space step by step, from none to enough for the operation. */
const sweep = async (room: Room, template: Template, name: string, operation: Operation | undefined, seen: Seen) => {
  const met = new Map<string, number>()
  const stride = strideOf(room, operation)
  for (let n = 0; n < amountsMax; n += stride) {
    const left = n * room.step
    const outcome = await tryPoint(room, template, operation, left)
    seen.points += 1
    seen.failures.push(...outcome.wrong.map((text) => `${room.kind}, ${name} with ${left} bytes left: ${text}`))
    const tag = outcome.met ?? "no error"
    met.set(tag, (met.get(tag) ?? 0) + 1)
    if (outcome.met === undefined) break
    if (operation !== undefined && isEndless(operation) && n >= 25) break
  }
  if (met.size === 1 && met.has("no error")) seen.failures.push(`${room.kind}, ${name}: it never ran out of space`)
  seen.figures.push(`${room.kind}, ${name}: ${[...met].map(([tag, count]) => `${count} × ${tag}`).join(", ")}`)
}

const all = async (): Promise<Result> => {
  const room = makeRoom(kind as RoomKind, folder!)
  const { clean, killed } = await makeTemplates(templates!)
  const seen: Seen = { points: 0, failures: [], figures: [] }
  await sweep(room, clean, "opening a closed lib", undefined, seen)
  await sweep(room, killed, "opening after a kill", undefined, seen)
  for (const operation of operations) await sweep(room, clean, operation.name, operation, seen)
  const { points, failures, figures } = seen
  return { counts: { points, violations: failures.length }, failures, figures }
}

if (kind !== undefined) say(JSON.stringify(await all()))

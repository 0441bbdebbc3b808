/** Damage to files in a real folder. */
import * as Effect from "effect/Effect"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import type { Image } from "../../support/imageDisk.ts"
import { type Damage, touchedBy } from "./damages.ts"
import { judge, type Verdict } from "./judge.ts"
import { look } from "./look.ts"
import { folders, within } from "./place.ts"
import type { Target } from "./states.ts"

/** Opens the damaged files for reading, then for writing. */
export const tryReal = Effect.fnUntraced(function* (
  target: Target,
  damage: Damage
): Effect.fn.Return<ReadonlyArray<Verdict>> {
  const image = damage.apply(target.image)
  const touched = touchedBy(target.image, image)
  if (touched.size === 0) return []
  const storage = yield* folders
  const verdicts: Array<Verdict> = []
  for (const mode of ["read", "write"] as const) {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), "litetapes-damage-"))
    const options = { mode, reads: "all" as const, verify: true, goOn: false, location: write(image, folder) }
    const seen = yield* look(storage, target.truth, options).pipe(
      Effect.ensuring(Effect.sync(() => fs.rmSync(folder, { recursive: true, force: true })))
    )
    verdicts.push(judge(target, touched, seen))
  }
  return verdicts
})

const write = (image: Image, folder: string): string => {
  const location = path.join(folder, "lib")
  for (const [file, bytes] of image) {
    const at = path.join(location, within(file))
    fs.mkdirSync(path.dirname(at), { recursive: true })
    fs.writeFileSync(at, bytes)
  }
  return location
}

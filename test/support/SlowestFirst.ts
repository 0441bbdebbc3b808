/** The order in which test files start: a fresh checkout has no durations, and the slowest file is one of the smallest. */
import * as fs from "node:fs"
import { fileURLToPath } from "node:url"
import { BaseSequencer, type TestSpecification } from "vitest/node"

const folder = new URL("../", import.meta.url)

/** Files that take five seconds or more, the slowest first. */
const slowest: ReadonlyArray<string> = [
  "contract/transform.folder.test.ts",
  "property/services/EventStore.model.test.ts",
  "property/services/Tape.model.test.ts",
  "contract/transform.memory.test.ts",
  "docs/reader.test.ts",
  "property/services/Lib.crashes.test.ts",
  "contract/lib.folder.test.ts",
  "property/services/maintenance/backup/Backup.test.ts",
  "contract/eventstore.folder.test.ts",
  "property/services/segment/PackedDamage.test.ts",
  "docs/readme.test.ts",
  "property/testing/Generators.test.ts",
  "contract/manyCloses.test.ts",
  "property/services/segment/SegmentWriter.test.ts",
  "contract/lib.memory.test.ts",
  "property/services/maintenance/repack/Repack.model.test.ts",
  "contract/poisoning.test.ts",
  "security/links.test.ts",
  "property/services/segment/verifySegment.test.ts",
  "security/budgetsReading.test.ts",
  "docs/agentSession.test.ts",
  "security/badInput/table.test.ts",
  "package/bundling.test.ts",
  "security/payloads.test.ts",
  "security/names.test.ts",
  "property/services/maintenance/recover/RecoverTape.test.ts",
  "contract/conformance.test.ts",
  "contract/eventstore.memory.test.ts",
  "contract/recoverFaults.test.ts",
  "property/domain/segment/SegmentIndex.test.ts",
  "contract/manyTapes.test.ts",
  "contract/openingPlaces.test.ts",
  "contract/keepingAlive.test.ts",
  "property/domain/json/TaraSON.test.ts",
  "contract/folder.test.ts"
].map((name) => {
  const file = fileURLToPath(new URL(name, folder))
  if (!fs.existsSync(file)) throw new Error(`test/support/SlowestFirst.ts names test/${name}, which is not there`)
  return file
})

const rankOf = ({ moduleId }: TestSpecification): number => {
  const rank = slowest.indexOf(moduleId)
  return rank === -1 ? slowest.length : rank
}

export class SlowestFirst extends BaseSequencer {
  override async sort(files: Array<TestSpecification>): Promise<Array<TestSpecification>> {
    // oxlint-disable-next-line unicorn/no-array-sort -- a method of the sequencer, not of an array
    const sorted = await super.sort(files)
    return sorted.toSorted((a, b) => rankOf(a) - rankOf(b))
  }
}

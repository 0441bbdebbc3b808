/** Lines and files of imports and exports. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as EventStore from "litetapes/EventStore"
import * as Interchange from "litetapes/Interchange"
import { writeFileSync } from "node:fs"
import { withLib } from "../../../support/openLib.ts"
import type { Cases, Ground } from "../table.ts"

const inStore = ({ place, storage }: Ground, use: Effect.Effect<unknown, unknown, EventStore.EventStore>) =>
  withLib<unknown, unknown>(storage, place(), () => Effect.provide(use, EventStore.layerLib))

export const interchange: Cases = {
  line: [
    {
      name: "a line that is cut",
      error: "InvalidLine",
      says: /^line 2, at byte 44, cannot be imported: NotJson: .*Correct it and run the import again/,
      give: (ground) => {
        const whole = '{"$type":"Placed","id":"1","stream":"o-1"}'
        const lines = Stream.make(`${whole} `, whole.slice(0, 20))
        return inStore(ground, Interchange.importLines(lines))
      }
    },
    {
      name: "a file of something else",
      error: "NotAnExport",
      says: /is not an export of this lib that could be continued: it has no line of such an export\. It was not changed/,
      give: (ground) => {
        const path = ground.place()
        writeFileSync(path, "notes\n")
        return inStore(ground, Interchange.exportFile(path))
      }
    }
  ]
}

/**
 * What every `Storage` has to do, whatever it stands on. `suite` runs against a layer; `location` gives a place that
 * was never used before, and that can be created by opening it for writing.
 */
import { layer as shareLayer } from "@effect/vitest"
import type * as Layer from "effect/Layer"
import type { Storage } from "../../src/services/Storage.ts"
import { dynamicContract } from "./storage/dynamics.ts"
import { indexContract } from "./storage/indexes.ts"
import { metaContract } from "./storage/metas.ts"
import { openContract } from "./storage/opening.ts"
import { segmentContract } from "./storage/segments.ts"
import { tapeContract } from "./storage/tapes.ts"

export const suite = (name: string, layer: Layer.Layer<Storage>, location: () => string): void => {
  shareLayer(layer)(`Storage: ${name}`, (it) => {
    for (const contract of [
      openContract,
      metaContract,
      tapeContract,
      dynamicContract,
      segmentContract,
      indexContract
    ]) {
      contract(it, location)
    }
  })
}

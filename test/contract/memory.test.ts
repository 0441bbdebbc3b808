import * as MemoryStorage from "../../src/layers/MemoryStorage.ts"
import { suite } from "./StorageSuite.ts"

let places = 0

suite("memory", MemoryStorage.layer, () => `place-${(places += 1)}`)

import * as MemoryStorage from "litetapes/MemoryStorage"
import { suite } from "./LibSuite.ts"

let places = 0

suite({ name: "memory", storage: MemoryStorage.make, place: () => `place-${(places += 1)}`, step: 1 })

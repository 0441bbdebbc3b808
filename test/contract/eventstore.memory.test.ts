import * as MemoryStorage from "litetapes/MemoryStorage"
import { suite } from "./EventStoreSuite.ts"

suite("memory", MemoryStorage.make, () => "place")

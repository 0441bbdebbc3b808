import { memoryGround } from "../support/transformGround.ts"
import { suite } from "./TransformSuite.ts"

let places = 0

suite({ name: "memory", ground: memoryGround, place: () => `place-${(places += 1)}`, step: 1 })

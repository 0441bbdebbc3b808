import * as NodeStorage from "litetapes/NodeStorage"
import { temporaryFolder } from "../support/temporaryFolder.ts"
import { suite } from "./LibSuite.ts"

const newPlace = temporaryFolder()

suite({ name: "folder", storage: NodeStorage.make, place: newPlace, step: 17 })

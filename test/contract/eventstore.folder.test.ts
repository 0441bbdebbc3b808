import * as NodeStorage from "litetapes/NodeStorage"
import { temporaryFolder } from "../support/temporaryFolder.ts"
import { suite } from "./EventStoreSuite.ts"

suite("folder", NodeStorage.make, temporaryFolder())

import { temporaryFolder } from "../support/temporaryFolder.ts"
import { folderGround } from "../support/transformGround.ts"
import { suite } from "./TransformSuite.ts"

suite({ name: "folder", ground: folderGround, place: temporaryFolder(), step: 29 })

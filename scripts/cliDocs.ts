/**
 * Writes the help of the command line to `docs/CLI.md` and `docs/litetapes.1`. A test checks that both are current.
 *
 * ```
 * node scripts/cliDocs.ts
 * ```
 */
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { helpPages } from "./cli/helpPages.ts"
import { manPage } from "./cli/manPage.ts"
import { markdownPage } from "./cli/markdown.ts"

const docs = join(import.meta.dirname, "../docs")
const pages = await helpPages()
writeFileSync(join(docs, "CLI.md"), markdownPage(pages))
writeFileSync(join(docs, "litetapes.1"), manPage(pages))

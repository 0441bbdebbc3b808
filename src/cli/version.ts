/** The version of the package, which the build of the command writes here. */
import { readFileSync } from "node:fs"
import { parseTrusted } from "../domain/json/TaraSON.ts"

const manifest = new URL("../../package.json", import.meta.url)

export const version: string = (parseTrusted(readFileSync(manifest, "utf8")) as { readonly version: string }).version

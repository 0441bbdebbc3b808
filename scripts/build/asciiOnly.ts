/** A plugin that escapes characters outside ASCII: one of them doubles the memory that Node needs for the text of a file. */
import type { Plugin } from "rolldown"

/** Escapes them in strings, templates and patterns. No name has them. */
export const asciiOnly: Plugin = {
  name: "ascii-only",
  generateBundle: (_, bundle) => {
    for (const file of Object.values(bundle)) {
      if (file.type !== "chunk") continue
      const escaped = file.code.replaceAll(
        /[^\0-\x7f]/g,
        (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`
      )
      if (escaped !== file.code) file.code = escaped
    }
  }
}

/** Which chunk a module of the library belongs to. */
import { join, relative, sep } from "node:path"
import type { Plugin } from "rolldown"

/** Modules that each module imports statically, without types, as paths from `src`. */
export type Graph = ReadonlyMap<string, ReadonlyArray<string>>

/** Public modules that need the codec only. */
const codec = ["domain/json/TaraSON.ts", "domain/json/TaraSONError.ts", "domain/json/FlatView.ts"]

/** Public modules that a program loads which opens a lib, appends and reads. */
const store = ["layers/PromiseStore.ts", "layers/NodeStorage.ts", "services/Segment.ts", "services/Tape.ts"]

/** Modules that several others share and that are too small for chunks of their own: each has about a kilobyte at most. */
const small =
  /^(domain\/format\/|domain\/meta\/backupNumbers|services\/(base|ports)\/|services\/follow\/beginning|services\/lib\/whyNested|services\/category\/(isSameForm|eventPlace)|services\/segment\/rewriteSegment|layers\/checkpoints\/claims)/

/** Modules that are loaded on demand, and together: one chunk for those of a subject. */
const together: ReadonlyArray<readonly [RegExp, string]> = [
  [/^services\/follow\//, "follow"],
  [/^services\/consumers\//, "consumers"],
  [/^layers\/checkpoints\/keyValue/, "keyValue"],
  [/^layers\/checkpoints\/(folder|lib|memory)/, "checkpointStores"],
  [/^layers\/(checkpoints|keys)\/(sql|Table)/, "sql"],
  [/^layers\/(SqliteClient\.ts$|sqlite\/)/, "sqlite"],
  [/^services\/streams\/(MatchCursor|QueryReader|DecisionModel)/, "queries"],
  [/^services\/maintenance\/(Proofs|Equivalence)/, "proofs"],
  [/^services\/category\/(EventCodec|erasure\/)/, "EventCodec"],
  [/^services\/maintenance\/salvage\//, "salvage"]
]

const closure = (graph: Graph, entries: ReadonlyArray<string>): ReadonlySet<string> => {
  const found = new Set<string>()
  const visit = (file: string): void => {
    if (found.has(file)) return
    found.add(file)
    for (const next of graph.get(file) ?? []) visit(next)
  }
  entries.forEach(visit)
  return found
}

/**
 * Returns the name of the chunk of a module: `codec`, then by floor what a program always needs. `null` for what is loaded
 * on demand, or only by one public module: the bundler decides.
 */
export const chunkOf = (graph: Graph): ((file: string) => string | null) => {
  const standalone = standaloneChunkOf(graph)
  return (file) => {
    const chunk = standalone(file) ?? (small.test(file) ? "store" : null)
    if (chunk !== "store") return chunk
    if (file.startsWith("domain/")) return "domain"
    return /^layers\/(?!storage\/|PromiseStore)/.test(file) ? "node" : "store"
  }
}

/** Returns the chunk of a module that is loaded on demand together with others. */
export const chunkOnDemand = (file: string): string | null =>
  together.find(([pattern]) => pattern.test(file))?.[1] ?? null

/** As `chunkOf`, with one chunk of all that a program always needs, that of Effect included. */
export const standaloneChunkOf = (graph: Graph): ((file: string) => string | null) => {
  const inCodec = closure(graph, codec)
  const inStore = closure(graph, store)
  return (file) => (inCodec.has(file) ? "codec" : inStore.has(file) ? "store" : null)
}

/** Records the graph of the modules in `src` while they are bundled. */
export const recordGraph = (root: string) => {
  const graph = new Map<string, ReadonlyArray<string>>()
  const src = join(root, "src")
  const pathOf = (id: string): string => relative(src, id).split(sep).join("/")
  const plugin: Plugin = {
    name: "record-graph",
    buildEnd() {
      for (const id of this.getModuleIds())
        graph.set(pathOf(id), (this.getModuleInfo(id)?.importedIds ?? []).map(pathOf))
    }
  }
  return { graph, pathOf, plugin }
}

/**
 * What a power loss may leave of a simulated disk. Of each file: any mixture of its durable bytes and those that were
 * not synced, by sectors or torn at any byte, cut short, or with zeros in a gap. Of each folder: any of the entries
 * that a name had since the last sync. None of these depends on another.
 */
import { type DiskState, type FileNode, type FolderNode, type Node, overwrite, rootInode } from "./DiskState.ts"
import { ByInode } from "./internal/simulated/ByInode.ts"

/** Bytes of a sector. A sector is written whole or not at all, but the last one of a write may be torn. */
export const sectorBytes = 512

/** Options of `powerLosses`. */
export interface LossOptions {
  /**
   * Number of states to return, at most. If there are no more, all are returned; else the extremes and then a sample.
   */
  readonly limit: number
  /** If there are no more states than this, all are returned, even if that exceeds `limit`. Default: `limit`. */
  readonly whole?: number
  /** Returns numbers from 0 to below 1, which choose the sample. */
  readonly random: () => number
  /**
   * Returns whether what is in folders of this name may be lost or kept only together. It is for folders whose contents
   * nothing relies on: their many names would crowd out the outcomes that matter. Default: none.
   */
  readonly isWhole?: (folder: string) => boolean
}

/** One decision of the power loss: one of `count` ways. 0 is what is durable, the last is what the cache shows. */
interface Choice {
  readonly count: number
  /** Whether these are all ways, apart from the exact byte at which a write is torn. */
  readonly isWhole: boolean
  readonly apply: (way: number, drafts: Drafts) => void
}

type Draft = { kind: "file"; bytes: Uint8Array } | { kind: "folder"; entries: Map<string, number> } | { kind: "other" }

/** Yields states of the disk when the machine is started again. Some may be equal. Returns whether these were all. */
export function* powerLosses(state: DiskState, options: LossOptions): Generator<DiskState, boolean, undefined> {
  const { isWhole = () => false, limit, random, whole = limit } = options
  const choices = choicesOf(state, random, isWhole)
  const total = choices.reduce((product, choice) => product * choice.count, 1)
  if (total <= Math.max(limit, whole)) {
    for (let n = 0; n < total; n++) yield decide(state, choices, waysOf(choices, n))
    return choices.every(({ isWhole }) => isWhole)
  }
  yield decide(
    state,
    choices,
    choices.map(() => 0)
  )
  yield decide(
    state,
    choices,
    choices.map(({ count }) => count - 1)
  )
  for (let n = 2; n < limit; n++) yield decide(state, choices, sample(choices, random))
  return false
}

/** Returns the state in which only synced data is left. */
export const loseAll = (state: DiskState): DiskState => {
  const choices = choicesOf(
    state,
    () => 0,
    () => false
  )
  return decide(
    state,
    choices,
    choices.map(() => 0)
  )
}

const waysOf = (choices: ReadonlyArray<Choice>, n: number): Array<number> => {
  let left = n
  return choices.map(({ count }) => {
    const way = left % count
    left = Math.floor(left / count)
    return way
  })
}

/** Mostly all or nothing of each: one that is lost alone, or kept alone, finds more than an even mixture. */
const sample = (choices: ReadonlyArray<Choice>, random: () => number): Array<number> => {
  const bias = random()
  return choices.map(({ count }) => {
    const chance = random()
    if (chance < 0.3) return Math.floor(random() * count)
    return random() < bias ? 0 : count - 1
  })
}

const decide = (state: DiskState, choices: ReadonlyArray<Choice>, ways: ReadonlyArray<number>): DiskState => {
  const drafts = new Drafts(state)
  for (const [index, choice] of choices.entries()) choice.apply(ways[index]!, drafts)
  const nodes = new Map<number, Node>()
  const keep = (inode: number): void => {
    const node = nodes.has(inode) ? undefined : drafts.nodeOf(inode)
    if (node === undefined) return
    nodes.set(inode, node)
    if (node.kind === "folder") for (const inner of node.entries.values()) keep(inner)
  }
  keep(rootInode)
  return { nodes: ByInode.from(nodes), next: state.next, boot: state.boot + 1 }
}

/** What a power loss leaves of each node. Without a decision that is what is durable. */
class Drafts {
  readonly #nodes: DiskState["nodes"]
  readonly #drafts = new Map<number, Draft>()

  constructor({ nodes }: DiskState) {
    this.#nodes = nodes
  }

  /** Returns the draft of an inode, for a decision to change. */
  get(inode: number): Draft | undefined {
    const node = this.#nodes.get(inode)
    const draft = this.#drafts.get(inode) ?? (node === undefined ? undefined : draftOf(node))
    if (draft !== undefined) this.#drafts.set(inode, draft)
    return draft
  }

  /** Returns what is left of an inode. */
  nodeOf(inode: number): Node | undefined {
    const draft = this.#drafts.get(inode)
    const node = this.#nodes.get(inode)
    if (draft === undefined) return node === undefined || isDurable(node) ? node : nodeOfDraft(draftOf(node))
    return nodeOfDraft(draft)
  }
}

/** Returns whether a power loss changes nothing of a node. */
const isDurable = (node: Node): boolean => {
  if (node.kind === "file") return node.pending.length === 0 && node.cache === node.durable
  return node.kind === "folder" ? node.former.size === 0 && node.stuck.size === 0 : true
}

const draftOf = (node: Node): Draft => {
  if (node.kind === "file") return { kind: "file", bytes: node.durable }
  return node.kind === "folder" ? { kind: "folder", entries: new Map(node.entries) } : { kind: "other" }
}

const nodeOfDraft = (draft: Draft): Node => {
  if (draft.kind === "file") return { kind: "file", cache: draft.bytes, durable: draft.bytes, pending: [] }
  if (draft.kind === "other") return { kind: "other" }
  return { kind: "folder", entries: draft.entries, former: new Map(), stuck: new Map() }
}

const choicesOf = (state: DiskState, random: () => number, isWhole: (folder: string) => boolean): Array<Choice> => {
  const choices: Array<Choice> = []
  const whole = wholeFolders(state, isWhole)
  const named = namedInodes(state, whole)
  for (const [inode, node] of state.nodes) {
    if (!named.has(inode)) continue
    if (node.kind === "file" && node.pending.length > 0) choices.push(fileChoice(inode, node, random))
    if (node.kind !== "folder") continue
    if (whole.has(inode)) choices.push(...wholeChoice(inode, node))
    else choices.push(...entryChoices(inode, node))
  }
  return choices
}

/** Returns each name in a folder with an inode that it has, or may have again. */
function* namesIn(node: FolderNode): Generator<readonly [name: string, inode: number]> {
  yield* node.entries
  for (const former of [node.former, node.stuck]) {
    for (const [name, inodes] of former) for (const inode of inodes) if (inode !== undefined) yield [name, inode]
  }
}

/** Returns the inodes of folders that are lost or kept only whole. */
const wholeFolders = (state: DiskState, isWhole: (folder: string) => boolean): ReadonlySet<number> => {
  const whole = new Set<number>()
  for (const node of state.nodes.values()) {
    if (node.kind !== "folder") continue
    for (const [name, inode] of namesIn(node)) if (isWhole(name)) whole.add(inode)
  }
  return whole
}

/** Returns the inodes that a name has, or may have again, outside of the folders that are lost or kept only whole. */
const namedInodes = (state: DiskState, whole: ReadonlySet<number>): ReadonlySet<number> => {
  const named = new Set([rootInode])
  for (const [folder, node] of state.nodes) {
    if (node.kind === "folder" && !whole.has(folder)) for (const [, inode] of namesIn(node)) named.add(inode)
  }
  return named
}

/** Three outcomes: nothing that changed since the last sync, everything that was ever there since, what is there now. */
const wholeChoice = (inode: number, node: FolderNode): Array<Choice> => {
  const names = new Set([...node.former.keys(), ...node.stuck.keys()])
  if (names.size === 0) return []
  const ever = new Map([...namesIn({ ...node, entries: new Map() }), ...node.entries])
  const durable = new Map([...node.entries].filter(([name]) => !names.has(name)))
  for (const name of names) {
    const [first] = node.stuck.get(name) ?? node.former.get(name) ?? []
    if (first !== undefined) durable.set(name, first)
  }
  const apply: Choice["apply"] = (way, drafts) => {
    const draft = drafts.get(inode)
    if (draft?.kind === "folder") draft.entries = new Map([durable, ever, node.entries][way])
  }
  return [{ count: 3, isWhole: true, apply }]
}

const entryChoices = (inode: number, node: FolderNode): Array<Choice> =>
  [...new Set([...node.former.keys(), ...node.stuck.keys()])].flatMap((name) => {
    const now = node.entries.get(name)
    const before = [...(node.stuck.get(name) ?? []), ...(node.former.get(name) ?? [])].filter((one) => one !== now)
    const ways = [...new Set(before), now]
    if (ways.length === 1) return []
    return {
      count: ways.length,
      isWhole: true,
      apply: (way: number, drafts: Drafts) => {
        const draft = drafts.get(inode)
        const chosen = ways[way]
        if (draft?.kind !== "folder") return
        if (chosen === undefined) draft.entries.delete(name)
        else draft.entries.set(name, chosen)
      }
    }
  })

const fileChoice = (inode: number, node: FileNode, random: () => number): Choice => {
  const pieces = node.pending.flatMap(({ bytes, position }) => sectorsOf(bytes, position))
  const ways = fileWays(node, pieces, random)
  return {
    count: ways.length,
    isWhole: 2 ** pieces.length <= subsetsMax,
    apply: (way, drafts) => {
      const draft = drafts.get(inode)
      if (draft?.kind === "file") draft.bytes = ways[way]!()
    }
  }
}

/** Largest number of subsets of dirty sectors that are all tried. */
const subsetsMax = 64

/** Makes a value when it is first needed, and keeps it. */
const once = <A>(make: () => A): (() => A) => {
  let made: { readonly value: A } | undefined
  return () => (made ??= { value: make() }).value
}

/**
 * Returns what a file may hold: first the durable bytes, last what the cache shows. Most of them are never computed.
 */
const fileWays = (
  node: FileNode,
  pieces: ReadonlyArray<Piece>,
  random: () => number
): ReadonlyArray<() => Uint8Array> => {
  const { cache, durable } = node
  const ways: Array<() => Uint8Array> = [() => durable]
  const build = (isKept: (piece: number) => boolean): Uint8Array =>
    pieces.reduce(
      (bytes, piece, index) => (isKept(index) ? overwrite(bytes, piece.position, piece.bytes) : bytes),
      durable
    )
  const count = 2 ** pieces.length
  if (count <= subsetsMax)
    for (let subset = 1; subset < count; subset++) ways.push(once(() => build((n) => (subset & (1 << n)) !== 0)))
  else {
    for (let n = 0; n < 12; n++) {
      const cut = random() * pieces.length
      const kept = pieces.map((_, piece) => (n < 6 ? piece < cut : random() < 0.5))
      ways.push(once(() => build((piece) => kept[piece]!)))
    }
  }
  ways.push(...torn(node, random))
  // The new length is there, but none of the bytes.
  if (cache.length > durable.length) ways.push(once(() => overwrite(new Uint8Array(cache.length), 0, durable)))
  ways.push(() => cache)
  return ways
}

/** Cuts or tears a write anywhere: the size may lag behind the bytes, and a sector may be written in part. */
const torn = (node: FileNode, random: () => number): ReadonlyArray<() => Uint8Array> => {
  const { cache, durable, pending } = node
  const ways: Array<() => Uint8Array> = []
  const { bytes, position } = pending[Math.floor(random() * pending.length)]!
  const cut = position + Math.floor(random() * (bytes.length + 1))
  if (cut > durable.length && cut < cache.length) ways.push(once(() => cache.slice(0, cut)))
  ways.push(once(() => overwrite(durable, position, bytes.subarray(0, cut - position))))
  ways.push(once(() => overwrite(durable, cut, bytes.subarray(cut - position))))
  return ways
}

/** The part of a write that is in one sector. */
interface Piece {
  readonly position: number
  readonly bytes: Uint8Array
}

const sectorsOf = (bytes: Uint8Array, position: number): Array<Piece> => {
  const pieces: Array<Piece> = []
  for (let at = 0; at < bytes.length;) {
    const end = Math.min(bytes.length, at + sectorBytes - ((position + at) % sectorBytes))
    pieces.push({ position: position + at, bytes: bytes.subarray(at, end) })
    at = end
  }
  return pieces
}

/**
 * The contents of a simulated disk, as a value: what the page cache shows, and what of it would survive a power loss.
 * Every change returns a new state and leaves the old one unchanged, so that a state can be kept at every step.
 *
 * The model is the weakest that POSIX allows, not that of one file system: a file's bytes are durable after its sync,
 * an entry of a folder after the sync of that folder. Nothing else is durable, and there is no order between changes.
 */
import { hash } from "node:crypto"
import { ByInode } from "./internal/simulated/ByInode.ts"

/** A write that no sync has covered yet. */
export interface UnsyncedChange {
  /** Offset of the write in its file, in bytes. */
  readonly position: number
  /** The bytes that were written. */
  readonly bytes: Uint8Array
  /** Whether a sync of it failed. No later sync makes it durable, though it may survive by chance. */
  readonly stuck: boolean
}

/** A regular file. */
export interface FileNode {
  readonly kind: "file"
  /** The bytes that reads see. */
  readonly cache: Uint8Array
  /** The bytes that survive a power loss, whatever happens to the others. */
  readonly durable: Uint8Array
  /** Writes that are not durable, in their order. */
  readonly pending: ReadonlyArray<UnsyncedChange>
}

/** Inodes that a name may have after a power loss, except its current one; `undefined` if it may be gone. */
export type Former = ReadonlyMap<string, ReadonlyArray<number | undefined>>

/** A folder. */
export interface FolderNode {
  readonly kind: "folder"
  /** The entries that look-ups see: names with their inodes. */
  readonly entries: ReadonlyMap<string, number>
  /** Entries that were changed since the last sync. */
  readonly former: Former
  /** Entries of syncs that failed: they end only with a change of the name that is synced. */
  readonly stuck: Former
}

/** A link, device or pipe, in the place of a file. */
export interface OtherNode {
  readonly kind: "other"
}

/** Anything that an inode can be. */
export type Node = FileNode | FolderNode | OtherNode

/** The contents of a disk. */
export interface DiskState {
  /** Files and folders by inode. */
  readonly nodes: ReadonlyMap<number, Node>
  /** Inode that the next file or folder gets. */
  readonly next: number
  /** How often the machine was started. */
  readonly boot: number
}

/** Inode of the root folder. */
export const rootInode = 1

const none: ReadonlyMap<string, never> = new Map<string, never>()

const emptyFolder: FolderNode = { kind: "folder", entries: none, former: none, stuck: none }

/** A disk with an empty root folder. */
export const empty: DiskState = { nodes: ByInode.from([[rootInode, emptyFolder]]), next: rootInode + 1, boot: 1 }

/** Programs use the same paths again and again. */
const partsByPath = new Map<string, ReadonlyArray<string>>()
const pathsMax = 4096

const partsOf = (path: string): ReadonlyArray<string> => {
  let parts = partsByPath.get(path)
  if (parts === undefined) {
    parts = path.split("/").filter((part) => part !== "" && part !== ".")
    if (partsByPath.size >= pathsMax) partsByPath.clear()
    partsByPath.set(path, parts)
  }
  return parts
}

/** Returns the inode at a path, or `undefined` if nothing is there. */
export const lookUp = (state: DiskState, path: string): number | undefined => {
  const parts = partsOf(path)
  return walk(state, parts, parts.length)
}

/** Returns the inode that the first `count` parts of a path lead to. */
const walk = ({ nodes }: DiskState, parts: ReadonlyArray<string>, count: number): number | undefined => {
  let inode = rootInode
  for (let n = 0; n < count; n++) {
    const node = nodes.get(inode)
    const next = node?.kind === "folder" ? node.entries.get(parts[n]!) : undefined
    if (next === undefined) return undefined
    inode = next
  }
  return inode
}

/** Returns the folder of a path, and its name in there; `undefined` if there is no such folder. */
export const parentOf = (
  state: DiskState,
  path: string
): { readonly inode: number; readonly name: string } | undefined => {
  const parts = partsOf(path)
  const name = parts.at(-1)
  if (name === undefined) return undefined
  const inode = walk(state, parts, parts.length - 1)
  return inode !== undefined && state.nodes.get(inode)?.kind === "folder" ? { inode, name } : undefined
}

const withNode = ({ boot, next, nodes }: DiskState, inode: number, node: Node): DiskState => ({
  nodes: ByInode.from(nodes).with(inode, node),
  next: Math.max(next, inode + 1),
  boot
})

const folderAt = (state: DiskState, inode: number): FolderNode => {
  const node = state.nodes.get(inode)
  if (node?.kind !== "folder") throw new Error(`inode ${inode} is not a folder`)
  return node
}

const fileAt = (state: DiskState, inode: number): FileNode => {
  const node = state.nodes.get(inode)
  if (node?.kind !== "file") throw new Error(`inode ${inode} is not a file`)
  return node
}

/** Gives a name another inode, or none. After a power loss, it may have its former one again. */
export const setEntry = (state: DiskState, folder: number, name: string, inode: number | undefined): DiskState => {
  const node = folderAt(state, folder)
  const before = node.entries.get(name)
  const entries = new Map(node.entries)
  if (inode === undefined) entries.delete(name)
  else entries.set(name, inode)
  const former = new Map(node.former)
  former.set(name, [...(former.get(name) ?? []), before])
  return withNode(state, folder, { ...node, entries, former })
}

/** Adds a file or folder under a name; none of it is durable. */
export const addNode = (
  state: DiskState,
  folder: number,
  name: string,
  kind: "file" | "folder" | "other"
): { readonly state: DiskState; readonly inode: number } => {
  const inode = state.next
  const nothing = new Uint8Array(0)
  const node: Node =
    kind === "file"
      ? { kind, cache: nothing, durable: nothing, pending: [] }
      : kind === "folder"
        ? emptyFolder
        : { kind: "other" }
  return { state: setEntry(withNode(state, inode, node), folder, name, inode), inode }
}

/** Returns `bytes` with others written over them. If these begin after the end, zeros fill the gap. */
export const overwrite = (bytes: Uint8Array, position: number, by: Uint8Array): Uint8Array => {
  const result = new Uint8Array(Math.max(bytes.length, position + by.length))
  result.set(bytes)
  result.set(by, position)
  return result
}

/** Writes bytes to a file, without a sync. */
export const write = (state: DiskState, inode: number, position: number, bytes: Uint8Array): DiskState => {
  if (bytes.length === 0) return state
  const node = fileAt(state, inode)
  // A copy: the caller may reuse its buffer.
  const copy = Uint8Array.from(bytes)
  const cache = overwrite(node.cache, position, copy)
  return withNode(state, inode, { ...node, cache, pending: [...node.pending, { position, bytes: copy, stuck: false }] })
}

/** Syncs a file: its writes become durable, except those of which a sync has failed. */
export const syncFile = (state: DiskState, inode: number): DiskState => {
  const node = fileAt(state, inode)
  if (node.pending.length === 0) return state
  // If no sync of it has failed, all that reads see becomes durable.
  if (node.pending.every((one) => !one.stuck)) {
    return withNode(state, inode, { ...node, durable: node.cache, pending: [] })
  }
  let { durable } = node
  let stuck: Array<UnsyncedChange> = []
  for (const one of node.pending) {
    if (one.stuck) {
      stuck.push(one)
    } else {
      durable = overwrite(durable, one.position, one.bytes)
      // A write that was given up before ends where a later one overwrites it.
      stuck = stuck.flatMap((old) => besides(old, one))
    }
  }
  return withNode(state, inode, { ...node, durable, pending: stuck })
}

/** Returns what is left of a write after another one was written over it. */
const besides = (old: UnsyncedChange, { bytes, position }: UnsyncedChange): ReadonlyArray<UnsyncedChange> => {
  const end = position + bytes.length
  const before = old.bytes.subarray(0, Math.max(0, position - old.position))
  const behind = old.bytes.subarray(Math.min(old.bytes.length, Math.max(0, end - old.position)))
  const pieces = [
    { ...old, bytes: before },
    { ...old, bytes: behind, position: old.position + old.bytes.length - behind.length }
  ]
  return pieces.filter((piece) => piece.bytes.length > 0)
}

/**
 * Fails a sync of a file. The kernel gives up what it could not write, calls the pages clean, and later syncs succeed.
 */
export const failSyncFile = (state: DiskState, inode: number): DiskState => {
  const node = fileAt(state, inode)
  return withNode(state, inode, { ...node, pending: node.pending.map((one) => ({ ...one, stuck: true })) })
}

/** Syncs a folder: its entries become durable. */
export const syncFolder = (state: DiskState, inode: number): DiskState => {
  const node = folderAt(state, inode)
  if (node.former.size === 0) return state
  const stuck = new Map([...node.stuck].filter(([name]) => !node.former.has(name)))
  return withNode(state, inode, { ...node, former: none, stuck })
}

/** Fails a sync of a folder: no later sync makes the entries durable that were changed before it. */
export const failSyncFolder = (state: DiskState, inode: number): DiskState => {
  const node = folderAt(state, inode)
  const stuck = new Map(node.stuck)
  for (const [name, inodes] of node.former) stuck.set(name, [...(stuck.get(name) ?? []), ...inodes])
  return withNode(state, inode, { ...node, former: none, stuck })
}

/** Returns what a killed process leaves: all that it wrote, and none of it more durable than before. */
export const kill = (state: DiskState): DiskState => state

/** Returns the same files, all durable, as on a disk that was left alone for long. */
export const settled = (state: DiskState): DiskState => {
  return {
    ...state,
    nodes: ByInode.from(Array.from(state.nodes, ([inode, node]) => [inode, settledNode(node)] as const))
  }
}

const settledNode = (node: Node): Node => {
  if (node.kind === "file") return { kind: "file", cache: node.cache, durable: node.cache, pending: [] }
  return node.kind === "folder" ? { ...emptyFolder, entries: node.entries } : node
}

/** Returns all files with their bytes, and all folders with `undefined`, by path. */
export const contents = (state: DiskState): ReadonlyMap<string, Uint8Array | undefined> => {
  const found = new Map<string, Uint8Array | undefined>()
  const visit = (inode: number, path: string): void => {
    const node = state.nodes.get(inode)
    if (node?.kind === "file") found.set(path, node.cache)
    if (node?.kind !== "folder") return
    if (path !== "") found.set(path, undefined)
    for (const name of [...node.entries.keys()].toSorted()) visit(node.entries.get(name)!, `${path}/${name}`)
  }
  visit(rootInode, "")
  return found
}

/** Makes a durable change from outside: gives a file these bytes, or removes it. Its folder must exist. */
export const replaceFile = (state: DiskState, path: string, bytes: Uint8Array | undefined): DiskState => {
  const parent = parentOf(state, path)
  if (parent === undefined) throw new Error(`cannot replace ${path}: its folder does not exist`)
  const { inode: folder, name } = parent
  if (bytes === undefined) return syncFolder(setEntry(state, folder, name, undefined), folder)
  const { inode, state: added } = addNode(state, folder, name, "file")
  const written = withNode(added, inode, { kind: "file", cache: bytes, durable: bytes, pending: [] })
  return syncFolder(written, folder)
}

const digests = new WeakMap<Uint8Array, string>()

const digestOf = (bytes: Uint8Array): string => {
  let digest = digests.get(bytes)
  if (digest === undefined) {
    digest = hash("sha1", bytes, "base64")
    digests.set(bytes, digest)
  }
  return digest
}

/** Returns a text that is equal for two states if nothing distinguishes them, now or after a power loss. */
export const fingerprint = (state: DiskState): string => {
  const parts: Array<string> = [`${state.boot}`]
  const visit = (inode: number | undefined, name: string): void => {
    const node = inode === undefined ? undefined : state.nodes.get(inode)
    parts.push(name)
    if (node === undefined) return void parts.push("-")
    if (node.kind === "other") return void parts.push("?")
    if (node.kind === "file") {
      parts.push(digestOf(node.cache))
      if (node.pending.length === 0) return
      parts.push("d", digestOf(node.durable))
      for (const { bytes, position, stuck } of node.pending)
        parts.push(`${position}${stuck ? "!" : ""}`, digestOf(bytes))
      return
    }
    parts.push("{")
    for (const entry of [...node.entries.keys()].toSorted()) visit(node.entries.get(entry), entry)
    for (const former of [node.former, node.stuck]) {
      for (const [entry, inodes] of former) for (const other of inodes) visit(other, `was ${entry}`)
    }
    parts.push("}")
  }
  visit(rootInode, "")
  return hash("sha1", parts.join("\n"), "base64")
}

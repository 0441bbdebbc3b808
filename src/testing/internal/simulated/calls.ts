/**
 * The calls of a POSIX file system that change folders, on the state of a simulated disk. They return the new state, or
 * the code of the error, as Linux has it if POSIX leaves a choice.
 */
import * as DiskState from "../../DiskState.ts"

/** Returns why there is nothing at `path`: a part of it is not a folder, or does not exist. */
export const absent = (state: DiskState.DiskState, path: string): string => {
  const parts = path.split("/")
  for (let end = 1; end < parts.length; end++) {
    const inode = DiskState.lookUp(state, parts.slice(0, end).join("/"))
    if (inode === undefined) return "ENOENT"
    if (state.nodes.get(inode)?.kind !== "folder") return "ENOTDIR"
  }
  return "ENOENT"
}

export const add = (
  state: DiskState.DiskState,
  path: string,
  kind: "file" | "folder"
): { readonly state: DiskState.DiskState; readonly inode: number } | string => {
  const parent = DiskState.parentOf(state, path)
  if (parent === undefined) return absent(state, path)
  if (DiskState.lookUp(state, path) !== undefined) return "EEXIST"
  return DiskState.addNode(state, parent.inode, parent.name, kind)
}

export const rename = (state: DiskState.DiskState, path: string, to: string): DiskState.DiskState | string => {
  const from = DiskState.parentOf(state, path)
  if (from === undefined) return absent(state, path)
  const target = DiskState.parentOf(state, to)
  if (target === undefined) return absent(state, to)
  const inode = DiskState.lookUp(state, path)
  if (inode === undefined) return "ENOENT"
  if (isWithin(to, path)) return "EINVAL"
  if (isWithin(path, to)) return "ENOTEMPTY"
  const there = DiskState.lookUp(state, to)
  // Two names of one file: both stay.
  if (there === inode) return state
  const refusal = replacing(state.nodes.get(inode)!, there === undefined ? undefined : state.nodes.get(there))
  if (refusal !== undefined) return refusal
  const moved = DiskState.setEntry(state, target.inode, target.name, inode)
  return DiskState.setEntry(moved, from.inode, from.name, undefined)
}

const isWithin = (path: string, folder: string): boolean => path.startsWith(`${folder}/`)

const replacing = (node: DiskState.Node, there: DiskState.Node | undefined): string | undefined => {
  if (there === undefined) return undefined
  if (there.kind !== "folder") return node.kind === "folder" ? "ENOTDIR" : undefined
  if (node.kind !== "folder") return "EISDIR"
  return there.entries.size > 0 ? "ENOTEMPTY" : undefined
}

export const unlink = (state: DiskState.DiskState, path: string): DiskState.DiskState | string =>
  remove(state, path, (node) => (node.kind === "folder" ? "EISDIR" : undefined))

export const removeFolder = (state: DiskState.DiskState, path: string): DiskState.DiskState | string =>
  remove(state, path, (node) => {
    if (node.kind !== "folder") return "ENOTDIR"
    return node.entries.size > 0 ? "ENOTEMPTY" : undefined
  })

const remove = (
  state: DiskState.DiskState,
  path: string,
  refuse: (node: DiskState.Node) => string | undefined
): DiskState.DiskState | string => {
  const inode = DiskState.lookUp(state, path)
  const parent = DiskState.parentOf(state, path)
  if (inode === undefined || parent === undefined) return absent(state, path)
  return refuse(state.nodes.get(inode)!) ?? DiskState.setEntry(state, parent.inode, parent.name, undefined)
}

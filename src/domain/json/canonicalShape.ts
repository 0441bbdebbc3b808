/**
 * Key sequences that were seen before, so that the order of an object's keys is computed once for each shape.
 *
 * A tree: each node is one key after those of its parent. Records of one event type share a path in it, and following
 * that path costs one comparison for each key. The tree holds no values, forgets everything when it is full, and never
 * decides anything: an object that it does not know is written without it.
 */
import { Buffer } from "node:buffer"

/** How to write an object whose keys are known. */
export interface Layout {
  /** The keys in canonical order: by UTF-16 units, RFC 8785 section 3.2.3. */
  readonly keys: ReadonlyArray<string>
  /** The bytes before each value, in the same order: `{"a":`, `,"b":` … */
  readonly prefixes: ReadonlyArray<Uint8Array>
  /** The index of each value in the object's own order; `undefined` if that order is the canonical one. */
  readonly from: ReadonlyArray<number> | undefined
}

export class Shape {
  readonly key: string
  readonly parent: Shape | undefined
  readonly depth: number
  next: Shape | undefined = undefined
  children: Map<string, Shape> | undefined = undefined
  layout: Layout | undefined = undefined

  constructor(key: string, parent: Shape | undefined) {
    this.key = key
    this.parent = parent
    this.depth = parent === undefined ? 0 : parent.depth + 1
  }
}

// Budgets that together keep the tree under about a megabyte, whatever keys a caller makes up.
const shapesMax = 4096
const childrenMax = 64
const keysMax = 64
const keyLengthMax = 64
/** After this many refusals for want of room, the tree starts afresh: shapes in frequent use return soon. */
const refusalsMax = 1000

/** Keys in ASCII that need no escape. Others are rare enough to be written without a shape. */
const plainKey = /^[\x20\x21\x23-\x5b\x5d-\x7e]*$/

/** The shape without keys. */
export const emptyShape = new Shape("", undefined)

let shapes = 0
let refusals = 0

/** Returns the shape with one more key, or `undefined` if it is not remembered. */
export const extend = (shape: Shape, key: string): Shape | undefined => {
  const known = shape.children?.get(key)
  if (known !== undefined) {
    shape.next = known
    return known
  }
  if (shape.depth === keysMax || key.length > keyLengthMax || key === "__proto__" || !plainKey.test(key))
    return undefined
  if (shapes === shapesMax || shape.children?.size === childrenMax) {
    if (++refusals === refusalsMax) forget()
    return undefined
  }
  const added = new Shape(key, shape)
  shape.children ??= new Map()
  shape.children.set(key, added)
  shape.next = added
  shapes++
  return added
}

const forget = (): void => {
  shapes = 0
  refusals = 0
  emptyShape.next = undefined
  emptyShape.children = undefined
}

/** Returns the layout of a shape with at least one key. */
export const layoutOf = (shape: Shape): Layout => (shape.layout ??= makeLayout(shape))

const makeLayout = (shape: Shape): Layout => {
  const keys: Array<string> = []
  for (let at = shape; at.parent !== undefined; at = at.parent) keys.unshift(at.key)
  const sorted = keys.toSorted()
  return {
    keys: sorted,
    prefixes: sorted.map((key, index) => Buffer.from(`${index === 0 ? "{" : ","}"${key}":`)),
    from: sorted.every((key, index) => key === keys[index]) ? undefined : sorted.map((key) => keys.indexOf(key))
  }
}

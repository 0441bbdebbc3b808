/**
 * Values by inode, in the order in which they were added. Each change makes a copy, since a test may keep every
 * state of a disk: a copy costs less than one of a `Map`, and shares what did not change.
 */
export class ByInode<A> implements ReadonlyMap<number, A> {
  readonly #inodes: ReadonlyArray<number>
  readonly #values: ReadonlyArray<A>
  /** The index of each inode in the other two; inodes are small numbers. */
  readonly #indexes: ReadonlyArray<number | undefined>

  private constructor(
    inodes: ReadonlyArray<number>,
    values: ReadonlyArray<A>,
    indexes: ReadonlyArray<number | undefined>
  ) {
    this.#inodes = inodes
    this.#values = values
    this.#indexes = indexes
  }

  /** Returns these values, each by its inode, which must differ. */
  static from<A>(values: ReadonlyMap<number, A> | ReadonlyArray<readonly [inode: number, value: A]>): ByInode<A> {
    if (values instanceof ByInode) return values as ByInode<A>
    const inodes: Array<number> = []
    const kept: Array<A> = []
    const indexes: Array<number | undefined> = []
    for (const [inode, value] of values) {
      while (indexes.length < inode) indexes.push(undefined)
      indexes[inode] = inodes.length
      inodes.push(inode)
      kept.push(value)
    }
    return new ByInode(inodes, kept, indexes)
  }

  /** Returns the same values, except that this inode has `value`. */
  with(inode: number, value: A): ByInode<A> {
    const index = this.#indexes[inode]
    if (index !== undefined) return new ByInode(this.#inodes, this.#values.with(index, value), this.#indexes)
    const indexes = [...this.#indexes]
    while (indexes.length < inode) indexes.push(undefined)
    indexes[inode] = this.#inodes.length
    return new ByInode([...this.#inodes, inode], [...this.#values, value], indexes)
  }

  get size(): number {
    return this.#inodes.length
  }

  get(inode: number): A | undefined {
    const index = this.#indexes[inode]
    return index === undefined ? undefined : this.#values[index]
  }

  has(inode: number): boolean {
    return this.#indexes[inode] !== undefined
  }

  *entries(): MapIterator<[number, A]> {
    for (const [index, inode] of this.#inodes.entries()) yield [inode, this.#values[index]!]
  }

  [Symbol.iterator](): MapIterator<[number, A]> {
    return this.entries()
  }

  keys(): MapIterator<number> {
    return this.#inodes.values() as MapIterator<number>
  }

  values(): MapIterator<A> {
    return this.#values.values() as MapIterator<A>
  }

  forEach(call: (value: A, inode: number, all: ReadonlyMap<number, A>) => void): void {
    for (const [inode, value] of this) call(value, inode, this)
  }
}

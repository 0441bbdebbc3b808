/** Values by inode are the same as in a `Map` to which they were added in the same order, and never change. */
import * as fc from "fast-check"
import { assert, describe, it } from "vitest"
import { ByInode } from "../../../../../src/testing/internal/simulated/ByInode.ts"
import { runs } from "../../../../support/runs.ts"

const assertSame = (values: ByInode<object>, map: ReadonlyMap<number, object>): void => {
  assert.deepStrictEqual([...values], [...map])
  assert.deepStrictEqual([[...values.keys()], [...values.values()]], [[...map.keys()], [...map.values()]])
  assert.strictEqual(values.size, map.size)
  for (let inode = 0; inode <= 30; inode++) {
    assert.strictEqual(values.get(inode), map.get(inode))
    assert.strictEqual(values.has(inode), map.has(inode))
  }
  const visited: Array<[number, object]> = []
  // oxlint-disable-next-line unicorn/no-array-for-each -- a method of the map that is tested
  values.forEach((value, inode) => visited.push([inode, value]))
  assert.deepStrictEqual(visited, [...map])
}

describe("values by inode", () => {
  it("equal a map after any changes, in the same order, and so do all states before", () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.nat(30)), fc.array(fc.nat(30)), (first, changes) => {
        let map: ReadonlyMap<number, object> = new Map(first.map((inode) => [inode, {}] as const))
        let values = ByInode.from(map)
        const states: Array<readonly [ByInode<object>, ReadonlyMap<number, object>]> = [[values, map]]
        for (const inode of changes) {
          const value = {}
          map = new Map(map).set(inode, value)
          values = values.with(inode, value)
          states.push([values, map])
        }
        for (const [one, other] of states) assertSame(one, other)
        assert.strictEqual(ByInode.from(values), values)
      }),
      { numRuns: runs }
    )
  })
})

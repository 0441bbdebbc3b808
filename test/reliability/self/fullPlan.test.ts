/** If a file system cannot be mounted, the `full` campaign says so, and passes only if that was asked for. */
import { assert, describe, it } from "vitest"
import { planOf } from "../full/campaign.ts"
import type { Way } from "../full/mounting.ts"
import type { RoomKind } from "../full/room.ts"

const had = (kind: RoomKind): Way => ({ kind, mounting: { kind, under: [] }, why: "" })
const not = (kind: RoomKind): Way => ({ kind, mounting: undefined, why: "not permitted" })
const whole = { part: 0, parts: 1 }
const kindsOf = ({ use }: ReturnType<typeof planOf>) => use.map(({ kind }) => kind)

describe("the plan of the `full` campaign", () => {
  it("uses both file systems, and not the weaker limit, if both can be mounted", () => {
    for (const isKnown of [false, true]) {
      const plan = planOf([had("tmpfs"), had("ext4")], had("limit"), isKnown, whole)
      assert.deepStrictEqual(kindsOf(plan), ["tmpfs", "ext4"])
      assert.deepStrictEqual(plan.failures, [])
      assert.deepStrictEqual(plan.figures, ["tmpfs: used", "ext4: used"])
    }
  })

  it("fails if one file system cannot be mounted, and says why and what to set", () => {
    const plan = planOf([had("tmpfs"), not("ext4")], had("limit"), false, whole)
    assert.deepStrictEqual(kindsOf(plan), ["tmpfs"])
    assert.deepStrictEqual(plan.failures, [
      "ext4 cannot be mounted: not permitted; set LITETAPES_NO_MOUNTS=1 to do without"
    ])
    assert.deepStrictEqual(plan.figures, ["tmpfs: used", "ext4: not used: not permitted"])
  })

  it("continues with what can be had if LITETAPES_NO_MOUNTS is set, and says what is missing", () => {
    const one = planOf([had("tmpfs"), not("ext4")], had("limit"), true, whole)
    assert.deepStrictEqual([kindsOf(one), one.failures], [["tmpfs"], []])
    assert.include(one.figures, "ext4: not used: not permitted")
    const none = planOf([not("tmpfs"), not("ext4")], had("limit"), true, whole)
    assert.deepStrictEqual([kindsOf(none), none.failures], [["limit"], []])
    assert.match(none.figures.join("\n"), /tmpfs: not used: .*\next4: not used: .*\nlimit: used, .*not a full disk/)
  })

  it("fails if not even the limit can be had, or if LITETAPES_NO_MOUNTS is not set", () => {
    const ways = [not("tmpfs"), not("ext4")]
    assert.strictEqual(planOf(ways, not("limit"), true, whole).failures.length, 1)
    const unasked = planOf(ways, had("limit"), false, whole)
    assert.deepStrictEqual([kindsOf(unasked), unasked.failures.length], [[], 2])
  })

  it("divides the file systems among the parts, and reports each of them once", () => {
    const plans = [0, 1].map((part) => planOf([not("tmpfs"), not("ext4")], had("limit"), true, { part, parts: 2 }))
    assert.deepStrictEqual(plans.map(kindsOf), [["limit"], []])
    assert.deepStrictEqual(
      plans.map(({ figures }) => figures.length),
      [2, 1]
    )
  })
})

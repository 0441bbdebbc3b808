/** What the campaign of full disks does where file systems cannot be mounted: it says so, and does not pass unasked. */
import { assert, describe, it } from "vitest"
import { planOf } from "../full/campaign.ts"
import type { Way } from "../full/mounting.ts"
import type { RoomKind } from "../full/room.ts"

const had = (kind: RoomKind): Way => ({ kind, mounting: { kind, under: [] }, why: "" })
const not = (kind: RoomKind): Way => ({ kind, mounting: undefined, why: "not permitted" })
const whole = { part: 0, parts: 1 }
const kindsOf = ({ use }: ReturnType<typeof planOf>) => use.map(({ kind }) => kind)

describe("the plan of the campaign of full disks", () => {
  it("uses both file systems, and nothing weaker", () => {
    for (const isKnown of [false, true]) {
      const plan = planOf([had("tmpfs"), had("ext4")], had("limit"), isKnown, whole)
      assert.deepStrictEqual(kindsOf(plan), ["tmpfs", "ext4"])
      assert.deepStrictEqual(plan.failures, [])
      assert.deepStrictEqual(plan.figures, ["tmpfs: used", "ext4: used"])
    }
  })

  it("fails where one is missing, and says why and what to set", () => {
    const plan = planOf([had("tmpfs"), not("ext4")], had("limit"), false, whole)
    assert.deepStrictEqual(kindsOf(plan), ["tmpfs"])
    assert.deepStrictEqual(plan.failures, [
      "ext4 cannot be mounted: not permitted; set LITETAPES_NO_MOUNTS=1 to do without"
    ])
    assert.deepStrictEqual(plan.figures, ["tmpfs: used", "ext4: not used: not permitted"])
  })

  it("goes on with what there is where that is known, and says it", () => {
    const one = planOf([had("tmpfs"), not("ext4")], had("limit"), true, whole)
    assert.deepStrictEqual([kindsOf(one), one.failures], [["tmpfs"], []])
    assert.include(one.figures, "ext4: not used: not permitted")
    const none = planOf([not("tmpfs"), not("ext4")], had("limit"), true, whole)
    assert.deepStrictEqual([kindsOf(none), none.failures], [["limit"], []])
    assert.match(none.figures.join("\n"), /tmpfs: not used: .*\next4: not used: .*\nlimit: used, .*no full disk/)
  })

  it("fails where nothing at all can be had, or nothing was asked to be left out", () => {
    const ways = [not("tmpfs"), not("ext4")]
    assert.strictEqual(planOf(ways, not("limit"), true, whole).failures.length, 1)
    const unasked = planOf(ways, had("limit"), false, whole)
    assert.deepStrictEqual([kindsOf(unasked), unasked.failures.length], [[], 2])
  })

  it("shares the ways out, and each of them is told of once", () => {
    const plans = [0, 1].map((part) => planOf([not("tmpfs"), not("ext4")], had("limit"), true, { part, parts: 2 }))
    assert.deepStrictEqual(plans.map(kindsOf), [["limit"], []])
    assert.deepStrictEqual(
      plans.map(({ figures }) => figures.length),
      [2, 1]
    )
  })
})

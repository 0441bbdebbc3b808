/** File systems without dependable locks and syncs: a writer is refused, and the error says why. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import fs from "node:fs"
import { isNetworkMount, isNetworkType } from "../../src/layers/node/network.ts"
import * as NodeStorage from "../../src/layers/NodeStorage.ts"
import { replaced } from "../support/fsHooks.ts"
import { withLib } from "../support/openLib.ts"
import { temporaryFolder } from "../support/temporaryFolder.ts"
import { wordFor } from "../support/victimLib.ts"

const place = temporaryFolder()

const fuse = 0x65735546

/** Runs `effect` as if all folders were on a file system of this type. */
const onType = <A, E, R>(type: number, effect: Effect.Effect<A, E, R>) => {
  const { statfsSync } = fs
  const statfs = ((at: fs.PathLike) => ({ ...statfsSync(at), type })) as typeof fs.statfsSync
  return replaced("statfsSync", statfs, effect)
}

/** … and as if `mounts` were the mounts of the kernel. */
const withMounts = <A, E, R>(mounts: string, effect: Effect.Effect<A, E, R>) => {
  const { readFileSync } = fs
  const read = ((at: fs.PathOrFileDescriptor, ...rest: [never]) =>
    at === "/proc/self/mountinfo" ? mounts : readFileSync(at, ...rest)) as typeof fs.readFileSync
  return replaced("readFileSync", read, effect)
}

const mountOf = (at: string, type: string): string => {
  const { dev } = fs.statSync(at)
  return `36 35 ${dev >>> 8}:${dev & 0xff} / ${at} rw,nosuid,nodev shared:1 - ${type} host:/share rw,user_id=0\n`
}

describe("a lib on a network file system", () => {
  for (const [name, type] of [
    ["NFS", 0x6969],
    ["CIFS, as a 32-bit system reports it", 0xff534d42 | 0],
    ["9p", 0x01021997],
    ["Ceph", 0x00c36400],
    ["Lustre", 0x0bd00bd0]
  ] as const) {
    it.live(`is neither opened for writing nor created: ${name}`, () =>
      Effect.gen(function* () {
        const storage = yield* NodeStorage.make
        const at = place()
        const error = yield* Effect.flip(
          onType(
            type,
            withLib(storage, at, () => Effect.void)
          )
        )
        assert.strictEqual(wordFor(error), "StorageError unsupported")
        assert.match(error.message, /network file system.*use a local disk/)
        assert.isFalse(fs.existsSync(`${at}/litelib.meta.jsonl`))
        assert.isFalse(fs.existsSync(`${at}/litelib.lock`))
      })
    )
  }

  it.live("can be opened for reading, because a reader takes no lock", () =>
    Effect.gen(function* () {
      const storage = yield* NodeStorage.make
      const at = place()
      yield* withLib(storage, at, () => Effect.void)
      yield* onType(
        0x6969,
        withLib(storage, at, () => Effect.void, { mode: "read" })
      )
    })
  )
})

describe("a lib on a FUSE file system", () => {
  for (const type of ["fuse.sshfs", "fuse.rclone", "fuse.s3fs", "fuse.glusterfs"]) {
    it.live(`is refused if it works over a network: ${type}`, () =>
      Effect.gen(function* () {
        const storage = yield* NodeStorage.make
        const at = place()
        fs.mkdirSync(at)
        const open = withLib(storage, at, () => Effect.void)
        const error = yield* Effect.flip(onType(fuse, withMounts(mountOf(at, type), open)))
        assert.strictEqual(wordFor(error), "StorageError unsupported")
      })
    )
  }

  for (const mounts of [
    (at: string) => mountOf(at, "fuse.ntfs-3g"),
    (at: string) => mountOf(at, "fuseblk"),
    () => ""
  ]) {
    it.live("is opened if it works on a local disk, or if its type is unknown", () =>
      Effect.gen(function* () {
        const storage = yield* NodeStorage.make
        const at = place()
        fs.mkdirSync(at)
        yield* onType(
          fuse,
          withMounts(
            mounts(at),
            withLib(storage, at, () => Effect.void)
          )
        )
      })
    )
  }

  it("is looked up among all mounts by its device, whatever their names", () => {
    const mounts = [
      "22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw",
      "36 35 0:43 / /mnt/a\\040-\\040fuse.sshfs rw - ext4 /dev/x rw",
      "37 35 0:44 / /mnt/far rw,nosuid master:1 propagate_from:2 - fuse.sshfs me@host:/ rw",
      "38 35 0:45 /sub /mnt/near rw - fuse.gocryptfs /home/me/.crypt rw",
      ""
    ].join("\n")
    const of = (device: string) => isNetworkMount(mounts, device)
    assert.deepStrictEqual(["254:0", "0:43", "0:44", "0:45", "0:4", ":"].map(of), [
      false,
      false,
      true,
      false,
      false,
      false
    ])
  })

  it("does not count as a network file system by the FUSE type alone", () => {
    assert.isFalse(isNetworkType(fuse))
  })
})

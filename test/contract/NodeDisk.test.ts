import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { execFileSync } from "node:child_process"
import * as fs from "node:fs"
import * as path from "node:path"
import { make as makeFile } from "../../src/layers/node/file.ts"
import { isNetworkType } from "../../src/layers/node/network.ts"
import * as NodeDisk from "../../src/layers/NodeDisk.ts"
import type { DiskError, File } from "../../src/services/ports/Disk.ts"
import { temporaryFolder } from "../support/temporaryFolder.ts"

const disk = NodeDisk.make
const newPath = temporaryFolder()

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const codeOf = <A>(effect: Effect.Effect<A, DiskError>) =>
  Effect.orDie(Effect.map(Effect.flip(effect), (error) => error.code))
const modeOf = (at: string): number => fs.statSync(at).mode & 0o777

const withFile = <A>(opened: Effect.Effect<File, DiskError>, use: (file: File) => Effect.Effect<A, DiskError>) =>
  Effect.acquireUseRelease(opened, use, (file) => file.close)

describe("NodeDisk", () => {
  it.live("writes at positions, reads them, and returns fewer bytes only at the end of the file", () =>
    Effect.gen(function* () {
      const at = newPath()
      const large = new Uint8Array(200_000).map((_, i) => i % 251)
      yield* withFile(disk.create(at), (file) =>
        Effect.gen(function* () {
          yield* file.write(large, 0)
          yield* file.datasync
          yield* file.write(bytes("xyz"), 100)
          yield* file.sync
          assert.strictEqual(yield* file.size, 200_000)
        })
      )
      large.set(bytes("xyz"), 100)
      yield* withFile(disk.openRead(at), (file) =>
        Effect.gen(function* () {
          assert.deepStrictEqual(yield* file.read(0, 300_000), large)
          assert.deepStrictEqual(yield* file.read(99, 5), large.slice(99, 104))
          assert.strictEqual((yield* file.read(199_999, 10)).length, 1)
          assert.strictEqual((yield* file.read(1_000_000, 10)).length, 0)
          assert.strictEqual((yield* file.read(1_000_000, 1_000_000)).length, 0)
          const ranges = [
            [5, 100_000],
            [1, 2],
            [199_999, 70_000]
          ] as const
          assert.deepStrictEqual(
            yield* file.readRanges(ranges),
            ranges.map(([position, length]) => large.slice(position, position + length))
          )
        })
      )
    })
  )

  it.live("repeats short writes, and reports a full disk if nothing can be written", () =>
    Effect.gen(function* () {
      const at = newPath()
      const descriptor = fs.openSync(at, "wx+")
      let room = 10
      const short = {
        ...fs,
        writeSync: ((fd: number, from: Uint8Array, offset: number, length: number, position: number) => {
          const count = Math.min(3, length, room)
          room -= count
          return count === 0 ? 0 : fs.writeSync(fd, from, offset, count, position)
        }) as typeof fs.writeSync
      }
      yield* withFile(Effect.succeed(makeFile(at, descriptor, "adaptive", short)), (file) =>
        Effect.gen(function* () {
          yield* file.write(bytes("0123456"), 2)
          assert.strictEqual(fs.readFileSync(at, "latin1"), "\0\x000123456")
          assert.strictEqual(yield* codeOf(file.write(bytes("abcdef"), 9)), "ENOSPC")
        })
      )
    })
  )

  it.live("repeats short reads, small and large", () =>
    Effect.gen(function* () {
      const at = newPath()
      const content = new Uint8Array(100_000).map((_, i) => i % 251)
      fs.writeFileSync(at, content)
      const short = {
        ...fs,
        readSync: ((fd: number, into: Uint8Array, offset: number, length: number, position: number) =>
          fs.readSync(fd, into, offset, Math.min(length, 7), position)) as typeof fs.readSync,
        read: ((
          fd: number,
          into: Uint8Array,
          offset: number,
          length: number,
          position: number,
          done: (cause: NodeJS.ErrnoException | null, count: number, buffer: Uint8Array) => void
        ) => fs.read(fd, into, offset, Math.min(length, 40_000), position, done)) as typeof fs.read
      }
      yield* withFile(Effect.succeed(makeFile(at, fs.openSync(at, "r"), "adaptive", short)), (file) =>
        Effect.gen(function* () {
          assert.deepStrictEqual(yield* file.read(3, 1000), content.slice(3, 1003))
          assert.deepStrictEqual(yield* file.read(3, 99_000), content.slice(3, 99_003))
          // Into memory of the caller too, of which nothing else changes.
          for (const [position, length] of [
            [3, 1000],
            [3, 99_000],
            [99_990, 1000],
            [50_000, 99_000]
          ] as const) {
            const memory = new Uint8Array(120_000).fill(255)
            const read = yield* file.read(position, length, memory)
            const expected = content.slice(position, position + length)
            assert.deepStrictEqual(read, expected)
            assert.strictEqual(read.buffer, memory.buffer)
            assert.deepStrictEqual(memory.subarray(0, expected.length), expected)
            assert.isTrue(memory.subarray(expected.length).every((byte) => byte === 255))
          }
        })
      )
    })
  )

  it.live("syncs on the event loop only if the pace allows it, with the same errors as in the thread pool", () =>
    Effect.gen(function* () {
      const done: Array<string> = []
      const failing = {
        ...fs,
        fdatasyncSync: (() => {
          done.push("spot")
          throw Object.assign(new Error("EIO: i/o error, fdatasync"), { code: "EIO" })
        }) as typeof fs.fdatasyncSync,
        fdatasync: ((_: number, resume: (cause: NodeJS.ErrnoException | null) => void) => {
          done.push("pool")
          resume(Object.assign(new Error("EIO: i/o error, fdatasync"), { code: "EIO" }))
        }) as typeof fs.fdatasync
      }
      const asked: Array<number> = []
      const pace = {
        isDirect: (written: number) => {
          asked.push(written)
          return written < 10
        },
        took: () => undefined
      }
      for (const syncs of ["adaptive", "background"] as const) {
        const at = newPath()
        yield* withFile(Effect.succeed(makeFile(at, fs.openSync(at, "wx+"), syncs, failing, pace)), (file) =>
          Effect.gen(function* () {
            yield* file.write(bytes("0123"), 0)
            assert.strictEqual(yield* codeOf(file.datasync), "EIO")
            yield* file.write(bytes("0123456789"), 4)
            assert.strictEqual(yield* codeOf(file.datasync), "EIO")
          })
        )
      }
      assert.deepStrictEqual(done, ["spot", "pool", "pool", "pool"])
      assert.deepStrictEqual(asked, [4, 10])
    })
  )

  it.live("refuses to use a closed file, and never touches a descriptor that was reused", () =>
    Effect.gen(function* () {
      const file = yield* disk.create(newPath())
      yield* file.close
      const other = newPath()
      yield* withFile(disk.create(other), () =>
        Effect.gen(function* () {
          assert.strictEqual(yield* codeOf(file.write(bytes("x"), 0)), "EBADF")
          assert.strictEqual(yield* codeOf(file.read(0, 1)), "EBADF")
          assert.strictEqual(yield* codeOf(file.readRanges([[0, 1]])), "EBADF")
          assert.strictEqual(yield* codeOf(file.datasync), "EBADF")
          yield* file.close
        })
      )
      assert.strictEqual(fs.statSync(other).size, 0)
    })
  )

  it.live("opens regular files only, and follows no link", () =>
    Effect.gen(function* () {
      const folder = newPath()
      yield* disk.makeFolder(folder)
      const at = (name: string) => path.join(folder, name)
      fs.writeFileSync(at("file"), "x")
      fs.symlinkSync(at("file"), at("link"))
      fs.symlinkSync(at("absent"), at("dangling"))
      fs.mkdirSync(at("folder"))
      execFileSync("mkfifo", [at("fifo")])
      for (const name of ["link", "dangling", "folder", "fifo"]) {
        assert.strictEqual(yield* codeOf(disk.openRead(at(name))), "EUNSAFE", name)
        assert.strictEqual(yield* codeOf(disk.openWrite(at(name))), "EUNSAFE", name)
        assert.strictEqual(yield* codeOf(disk.create(at(name))), "EEXIST", name)
        const entry = yield* disk.stat(at(name))
        assert.strictEqual(entry?.kind, name === "folder" ? "folder" : "other")
        assert.strictEqual(entry?.size, 0)
      }
      assert.isFalse(fs.existsSync(at("absent")))
      assert.strictEqual(yield* codeOf(disk.openRead(at("absent"))), "ENOENT")
      assert.strictEqual(yield* codeOf(disk.openWrite(at("absent"))), "ENOENT")
      assert.isUndefined(yield* disk.stat(at("absent")))
      const { dev, ino, mode } = fs.statSync(at("file"))
      const file = { kind: "file", size: 1, inode: String(ino), device: String(dev), mode: mode & 0o777, links: 1 }
      const { born, ...rest } = (yield* disk.stat(at("file")))!
      assert.deepStrictEqual<unknown>(rest, file)
      // Not every file system knows it.
      if (born !== undefined) assert.isAbove(Number(born), 0)
      assert.deepStrictEqual((yield* disk.list(folder)).toSorted(), ["dangling", "fifo", "file", "folder", "link"])
    })
  )

  it.live("creates files and folders for their owner only", () =>
    Effect.gen(function* () {
      const folder = newPath()
      yield* disk.makeFolder(folder)
      yield* withFile(disk.create(path.join(folder, "file")), () => Effect.void)
      yield* Effect.scoped(disk.lock(path.join(folder, "lock")))
      assert.strictEqual(modeOf(folder), 0o700)
      assert.strictEqual(modeOf(path.join(folder, "file")), 0o600)
      assert.strictEqual(modeOf(path.join(folder, "lock")), 0o600)
    })
  )

  it.live("fails with the error codes of the system", () =>
    Effect.gen(function* () {
      const folder = newPath()
      yield* disk.makeFolder(folder)
      const at = (name: string) => path.join(folder, name)
      yield* withFile(disk.create(at("a")), () => Effect.void)
      yield* withFile(disk.create(at("b")), () => Effect.void)
      assert.strictEqual(yield* codeOf(disk.makeFolder(folder)), "EEXIST")
      assert.strictEqual(yield* codeOf(disk.makeFolder(at("x/y"))), "ENOENT")
      assert.strictEqual(yield* codeOf(disk.unlink(at("c"))), "ENOENT")
      assert.strictEqual(yield* codeOf(disk.rename(at("c"), at("d"))), "ENOENT")
      assert.strictEqual(yield* codeOf(disk.removeFolder(folder)), "ENOTEMPTY")
      assert.strictEqual(yield* codeOf(disk.list(at("c"))), "ENOENT")
      assert.strictEqual(yield* codeOf(disk.syncFolder(at("c"))), "ENOENT")
      yield* disk.rename(at("a"), at("b"))
      yield* disk.unlink(at("b"))
      yield* disk.syncFolder(folder)
      yield* disk.removeFolder(folder)
      assert.isUndefined(yield* disk.stat(folder))
    })
  )

  it.live("names the current boot of the system", () =>
    Effect.gen(function* () {
      const boot = yield* disk.boot
      assert.strictEqual(boot, yield* disk.boot)
      if (process.platform === "linux") assert.match(boot!, /^[0-9a-f-]{36}$/)
    })
  )

  it("recognises network file systems by their type", () => {
    // NFS, CIFS (also as a 32-bit system reports it), SMB 2, 9p; but not ext4, tmpfs, XFS, Btrfs, overlayfs.
    for (const type of [0x6969, 0xff534d42, 0xff534d42 | 0, 0xfe534d42, 0x01021997]) assert.isTrue(isNetworkType(type))
    for (const type of [0xef53, 0x01021994, 0x58465342, 0x9123683e, 0x794c7630]) assert.isFalse(isNetworkType(type))
  })
})

/**
 * File systems on other machines. They are known by the type that `statfs(2)` returns on Linux and, for FUSE, which has
 * one type for all, by the name of the mount.
 *
 * On these, a lock may be local to one machine, or be lost while its process lives, and a sync says little about the
 * server's disk. Unknown types are allowed, and so are unknown FUSE programs, which are as often local as not.
 */
import * as fs from "node:fs"

/**
 * Numbers from Linux's include/uapi/linux/magic.h and coreutils' list in src/stat.c; the first ones are in statfs(2).
 */
const networkTypes: ReadonlyMap<number, string> = new Map([
  [0x00006969, "NFS_SUPER_MAGIC"],
  [0x0000517b, "SMB_SUPER_MAGIC"],
  [0xff534d42, "CIFS_SUPER_MAGIC"],
  [0xfe534d42, "SMB2_SUPER_MAGIC"],
  [0x01021997, "V9FS_MAGIC"],
  [0x5346414f, "AFS_SUPER_MAGIC"],
  [0x6b414653, "AFS_FS_MAGIC"],
  [0x73757245, "CODA_SUPER_MAGIC"],
  [0x0000564c, "NCP_SUPER_MAGIC"],
  // Coherent, but a client that the servers have given up loses its locks while it runs.
  [0x00c36400, "CEPH_SUPER_MAGIC"],
  [0x0bd00bd0, "LUSTRE"],
  [0x19830326, "FHGFS"],
  [0x47504653, "GPFS"],
  // Folders of a virtual machine's host.
  [0x786f4256, "VBOXSF_SUPER_MAGIC"]
])

const fuseType = 0x65735546

/** FUSE programs whose files are on another machine or in an object store: the part of the type after `fuse.`. */
const networkPrograms: ReadonlySet<string> = new Set([
  "ceph",
  "ceph-fuse",
  "cephfs",
  "curlftpfs",
  "davfs",
  "gcsfuse",
  "glusterfs",
  "goofys",
  "juicefs",
  "mount-s3",
  "moosefs",
  "mfs",
  "rclone",
  "s3fs",
  "seaweedfs",
  "sshfs",
  "vmhgfs-fuse"
])

/**
 * Returns whether a type of `statfs(2)` belongs to a network file system. 32-bit systems return it as a negative
 * number.
 */
export const isNetworkType = (type: number): boolean => networkTypes.has(type >>> 0)

/**
 * Returns whether a program that is known to work over a network mounted device `major:minor`. `mounts` is the text of
 * `/proc/self/mountinfo`: `36 35 0:43 / /mnt rw,nosuid shared:1 - fuse.sshfs host:/ rw` (proc_pid_mountinfo(5)).
 */
export const isNetworkMount = (mounts: string, device: string): boolean =>
  mounts.split("\n").some((line) => {
    const [mount = "", source = ""] = line.split(" - ", 2)
    const type = source.split(" ", 1)[0]!
    return mount.split(" ", 3)[2] === device && networkPrograms.has(/^fuse(?:blk)?\.(.+)$/.exec(type)?.[1] ?? "")
  })

/** Returns whether `folder` is on a network file system; `false` on systems other than Linux, which cannot tell. */
export const isNetworkFolder = (folder: string): boolean => {
  if (process.platform !== "linux") return false
  const type = fs.statfsSync(folder).type >>> 0
  return isNetworkType(type) || (type === fuseType && isNetworkMount(mountsNow(), deviceOf(folder)))
}

const mountsNow = (): string => {
  try {
    return fs.readFileSync("/proc/self/mountinfo", "utf8")
  } catch {
    return ""
  }
}

/**
 * Returns the device as the kernel prints it. In `dev`, 12 bits of the major number surround 8 bits of the minor one.
 */
const deviceOf = (folder: string): string => {
  const { dev } = fs.statSync(folder, { bigint: true })
  const major = ((dev >> 8n) & 0xfffn) | ((dev >> 32n) & 0xfffff000n)
  const minor = (dev & 0xffn) | ((dev >> 12n) & 0xffffff00n)
  return `${major}:${minor}`
}

/**
 * File systems that live on another machine, by the type that `statfs(2)` gives on Linux.
 *
 * On these a lock may be a local one, may be lost while its process lives, and a sync says little about the server's
 * disk. Unknown types are allowed: FUSE among them, which is as often local as not.
 */
import * as fs from "node:fs"

/** Numbers out of Linux's include/uapi/linux/magic.h; the same are in statfs(2). */
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
  // Coherent, but a client that the servers have given up on loses its locks while it runs.
  [0x00c36400, "CEPH_SUPER_MAGIC"]
])

/** Whether a type of `statfs(2)` belongs to a network file system. 32-bit systems give it as a negative number. */
export const isNetworkType = (type: number): boolean => networkTypes.has(type >>> 0)

/** Whether `folder` is on a network file system. Only Linux has these numbers. */
export const isNetworkFolder = (folder: string): boolean =>
  process.platform === "linux" && isNetworkType(fs.statfsSync(folder).type)

/** The options that operations on whole tapes and libs take. Checking them loads none of the operations. */
import {
  aCallback,
  aCount,
  aCountOrInfinity,
  aFlag,
  aText,
  oneOf,
  printable,
  type Checks
} from "../../domain/format/checkOptions.ts"
import { aStorage } from "../base/checkCall.ts"
import { limitsCheck } from "../../domain/format/limitsCheck.ts"
import type { BackupOptions } from "./backup/Backup.ts"
import type { CloneOptions } from "./Clone.ts"
import type { CopyOptions } from "./copy/CopyLib.ts"
import type { ProofOptions } from "./Proofs.ts"
import type { RecoverLibOptions } from "./recover/RecoverLib.ts"
import type { RepackOptions } from "./repack/Repack.ts"
import type { RestoreOptions } from "./backup/Restore.ts"
import type { SalvageOptions } from "./salvage/SalvageTape.ts"
import type { VerifyOptions } from "./verify/VerifyReport.ts"

export const backupChecks = { storage: aStorage, onProgress: aCallback } satisfies Checks<BackupOptions>

export const cloneChecks = { onProgress: aCallback } satisfies Checks<CloneOptions>

export const copyChecks = {
  placement: printable,
  limits: limitsCheck,
  storage: aStorage,
  allowGaps: aFlag,
  onProgress: aCallback
} satisfies Checks<CopyOptions>

export const proofChecks = { records: aCount, onProgress: aCallback } satisfies Checks<ProofOptions>

export const recoverLibChecks = {
  placement: printable,
  limits: limitsCheck,
  acceptLoss: aFlag
} satisfies Checks<RecoverLibOptions>

export const repackChecks = {
  targetBytes: aCountOrInfinity,
  compression: oneOf("none", "gzip", "zstd", "keep"),
  dedup: aFlag,
  shardEvery: aCount,
  force: aFlag,
  why: aText,
  onProgress: aCallback
} satisfies Checks<RepackOptions>

export const restoreChecks = {
  upTo: aCount,
  storage: aStorage,
  onProgress: aCallback
} satisfies Checks<RestoreOptions>

export const salvageChecks = { acceptLoss: aFlag, onProgress: aCallback } satisfies Checks<SalvageOptions>

export const verifyChecks = { depth: oneOf("files", "records"), onProgress: aCallback } satisfies Checks<VerifyOptions>

/** W7: verify and repack the store that W3 left. */
import { diskBytes } from "../disk.ts"
import type { Store } from "../peers/peer.ts"
import type { Job, Measured } from "./workload.ts"

/** Runs a transform. MB a second refer to the size of the folder before it. */
export const transform = async (run: () => void | Promise<void>, { folder, loaded }: Job): Promise<Measured> => {
  const bytes = diskBytes(folder)
  const start = performance.now()
  await run()
  const seconds = (performance.now() - start) / 1000
  return { events: loaded, opsPerSec: loaded / seconds, mbPerSec: bytes / 1e6 / seconds }
}

export const transforms = {
  "W7 files": (store: Store) => () => store.verify!("files"),
  "W7 verify": (store: Store) => () => store.verify!("records"),
  "W7 repack": (store: Store) => () => store.repack!()
}

/** The path of the libs of this campaign, and the storages over them. */
import * as Effect from "effect/Effect"
import * as FolderStorage from "litetapes/FolderStorage"
import * as NodeDisk from "litetapes/NodeDisk"
import { Disk } from "../../../src/services/ports/Disk.ts"
import { type Image, type ImageDisk, imageDisk } from "../../support/imageDisk.ts"
import type { StorageService } from "../../support/openLib.ts"

/** Boot id of the simulated system; hints name it. */
export const boot = "00000000-0000-4000-8000-00000000da3a"

/** Path of the lib in every image. */
export const place = "/lib"

/** Storage on real folders, with that boot id. */
export const folders: Effect.Effect<StorageService> = Effect.provideService(FolderStorage.make, Disk, {
  ...NodeDisk.make,
  boot: Effect.succeed(boot)
})

/** Makes a storage over an image, and its disk. */
export const storageOver = (image: Image): ImageDisk & { readonly storage: Effect.Effect<StorageService> } => {
  const held = imageDisk(image, boot)
  return { ...held, storage: Effect.provideService(FolderStorage.make, Disk, held.disk) }
}

/** Returns the path of a file within the lib. */
export const within = (path: string): string => path.slice(place.length + 1)

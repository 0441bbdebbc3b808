/**
 * Returns where the program of the sealing thread is. The build replaces this module by one that contains the whole
 * program (`scripts/build/sealingProgram.ts`): a thread then needs no file, so it also starts from a bundle.
 */
export const sealWorkerUrl = (): URL => new URL("./sealWorker.ts", import.meta.url)

/**
 * Derived files in memory.
 */
import type { DerivedFiles, DerivedKey } from "../../services/ports/Storage.ts"
import { copyRange } from "../../domain/base/byteRanges.ts"
import { isUnsafeDerived, isUnsafeDerivedFolder } from "../storage/fileNames.ts"
import { tooLarge } from "../storage/storageErrors.ts"
import { refuse, type Session, step } from "./MemoryLib.ts"

export const make = (session: Session): DerivedFiles => {
  const { lib } = session

  /** Returns the files of a tape, or of the lib, by kind and name. */
  const filesOf = (tape: string | undefined): Map<string, Uint8Array> | undefined =>
    tape === undefined ? lib.derived : lib.tapes.get(tape)?.derived

  /** Runs one operation on one file. */
  const stepOn = <A>(
    operation: string,
    kind: "read" | "write",
    key: DerivedKey,
    run: (files: Map<string, Uint8Array> | undefined, name: string) => A
  ) =>
    step(session, operation, kind, () => {
      const name = `${key.kind}/${key.name}`
      if (isUnsafeDerived(key)) refuse(session, operation, name, "unsafe", "it is not the name of a derived file")
      return run(filesOf(key.tape), name)
    })

  return {
    put: (key, bytes) =>
      stepOn("derived.put", "write", key, (files, name) => {
        const found = files ?? refuse(session, "derived.put", key.tape ?? "", "not-found")
        found.set(name, bytes.slice())
      }),
    get: (key, bytesMax) =>
      stepOn("derived.get", "read", key, (files, name) => {
        const bytes = files?.get(name)
        if (bytes !== undefined && bytes.length > bytesMax) {
          refuse(session, "derived.get", name, "too-large", tooLarge(bytes.length, bytesMax))
        }
        return bytes?.slice()
      }),
    getRanges: (key, ranges) =>
      stepOn("derived.getRanges", "read", key, (files, name) => {
        const bytes = files?.get(name)
        return bytes && ranges.map(([offset, length]) => copyRange(bytes, offset, length))
      }),
    size: (key) => stepOn("derived.size", "read", key, (files, name) => files?.get(name)?.length),
    list: (tape, kind) =>
      step(session, "derived.list", "read", () => {
        if (isUnsafeDerivedFolder(tape, kind)) {
          refuse(session, "derived.list", kind, "unsafe", "it is not a kind of derived files")
        }
        const names = [...(filesOf(tape)?.keys() ?? [])].filter((name) => name.startsWith(`${kind}/`))
        return names.map((name) => name.slice(kind.length + 1)).toSorted()
      }),
    delete: (key) =>
      stepOn("derived.delete", "write", key, (files, name) => {
        files?.delete(name)
      })
  }
}

/**
 * A model of the files that a power loss may leave in one folder, byte by byte and name by name. A successful sync
 * makes its writes durable. A write without a sync may be kept or lost. A write that a failed sync covered never
 * becomes durable by a later sync.
 */

interface Byte {
  readonly value: number
  stuck: boolean
}

class FileModel {
  readonly #durable: Array<number> = []
  /** The values that were written to each byte since, in order. */
  readonly #since: Array<Array<Byte>> = []

  write(position: number, bytes: Uint8Array): void {
    while (this.#since.length < position + bytes.length) this.#since.push([])
    for (const [at, value] of bytes.entries()) this.#since[position + at]!.push({ value, stuck: false })
  }

  sync(): void {
    for (const [position, written] of this.#since.entries()) {
      const last = written.findLastIndex(({ stuck }) => !stuck)
      if (last === -1) continue
      // Bytes that were never written are a hole.
      while (this.#durable.length <= position) this.#durable.push(0)
      this.#durable[position] = written[last]!.value
      written.splice(0, last + 1)
    }
  }

  failSync(): void {
    for (const written of this.#since) for (const byte of written) byte.stuck = true
  }

  /** The bytes that a process reads. */
  get shown(): Uint8Array {
    const length = Math.max(this.#durable.length, this.#since.length)
    return Uint8Array.from({ length }, (_, at) => this.#since[at]?.at(-1)?.value ?? this.#durable[at] ?? 0)
  }

  /** The bytes that every power loss leaves. */
  get durable(): Uint8Array {
    return Uint8Array.from(this.#durable)
  }

  allows(bytes: Uint8Array): boolean {
    if (bytes.length < this.#durable.length || bytes.length > this.shown.length) return false
    return bytes.every(
      (value, at) =>
        value === (this.#durable[at] ?? 0) || (this.#since[at] ?? []).some((written) => written.value === value)
    )
  }
}

export class DurableModel {
  readonly #files: Array<FileModel> = []
  readonly #entries = new Map<string, FileModel>()
  /** The files of each name since the last sync; `#stuck` contains those from before a failed sync. */
  #before = new Map<string, Array<FileModel | undefined>>()
  readonly #stuck = new Map<string, Array<FileModel | undefined>>()

  #set(name: string, file: FileModel | undefined): void {
    this.#before.set(name, [...(this.#before.get(name) ?? []), this.#entries.get(name)])
    if (file === undefined) this.#entries.delete(name)
    else this.#entries.set(name, file)
  }

  file(name: string): FileModel | undefined {
    return this.#entries.get(name)
  }

  create(name: string): void {
    const file = new FileModel()
    this.#files.push(file)
    this.#set(name, file)
  }

  unlink(name: string): void {
    this.#set(name, undefined)
  }

  rename(from: string, to: string): void {
    this.#set(to, this.#entries.get(from))
    this.#set(from, undefined)
  }

  syncFolder(): void {
    for (const name of this.#before.keys()) this.#stuck.delete(name)
    this.#before = new Map()
  }

  failSyncFolder(): void {
    for (const [name, files] of this.#before) this.#stuck.set(name, [...(this.#stuck.get(name) ?? []), ...files])
    this.#before = new Map()
  }

  get shown(): ReadonlyMap<string, Uint8Array> {
    return new Map([...this.#entries].map(([name, file]) => [name, file.shown]))
  }

  /** Returns why a power loss cannot have left these files, or `undefined` if it can. */
  refuse(left: ReadonlyMap<string, Uint8Array>): string | undefined {
    const names = new Set([...left.keys(), ...this.#entries.keys(), ...this.#before.keys(), ...this.#stuck.keys()])
    for (const name of names) {
      const bytes = left.get(name)
      const files = [this.#entries.get(name), ...(this.#before.get(name) ?? []), ...(this.#stuck.get(name) ?? [])]
      const isPossible = files.some((file) => (bytes === undefined ? file === undefined : file?.allows(bytes) === true))
      if (!isPossible)
        return `${name} ${bytes === undefined ? "is gone" : `has ${Buffer.from(bytes).toString("latin1")}`}`
    }
    return undefined
  }

  /** The same for a loss of everything that was not synced: each file has exactly its durable bytes. */
  refuseLeast(left: ReadonlyMap<string, Uint8Array>): string | undefined {
    for (const [name, bytes] of left) {
      const files = [this.#entries.get(name), ...(this.#before.get(name) ?? []), ...(this.#stuck.get(name) ?? [])]
      if (!files.some((file) => file !== undefined && Buffer.compare(file.durable, bytes) === 0)) {
        return `${name} has ${Buffer.from(bytes).toString("latin1")}, which no sync has covered`
      }
    }
    return this.refuse(left)
  }
}

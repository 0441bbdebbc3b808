/** Named files in one SQLite database, with the operations that a storage needs. Synchronous; throws SQLite errors. */
import { DatabaseSync, type SQLInputValue } from "node:sqlite"

/** Size of the longest piece, in bytes. A read of a few bytes loads at most one or two pieces. */
const pieceBytesMax = 1024 * 1024

export class Files {
  readonly #database: DatabaseSync

  private constructor(database: DatabaseSync) {
    this.#database = database
  }

  /** Opens a database in WAL mode, synced at each commit: committed transactions are durable, readers block nobody. */
  static open(path: string, readOnly: boolean): Files {
    const database = new DatabaseSync(path, { readOnly, timeout: 5000 })
    if (!readOnly) {
      database.exec(`
        PRAGMA journal_mode = WAL;
        PRAGMA synchronous = FULL;
        CREATE TABLE IF NOT EXISTS files (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, size INTEGER NOT NULL);
        CREATE TABLE IF NOT EXISTS pieces (file INTEGER, at INTEGER, bytes BLOB NOT NULL, PRIMARY KEY (file, at)) WITHOUT ROWID`)
    }
    return new Files(database)
  }

  close(): void {
    this.#database.close()
  }

  /** Runs `run` as one transaction: stores everything that it writes, or nothing. */
  transaction<A>(run: () => A): A {
    this.#database.exec("BEGIN IMMEDIATE")
    try {
      const value = run()
      this.#database.exec("COMMIT")
      return value
    } catch (error) {
      // SQLite may have rolled back already when a commit failed.
      if (this.#database.isTransaction) this.#database.exec("ROLLBACK")
      throw error
    }
  }

  /** Returns the size of a file in bytes, or `undefined` if it does not exist. */
  size(name: string): number | undefined {
    return this.#find(name)?.size
  }

  /** Returns a range of a file, shorter only at the end of the file; `undefined` if the file does not exist. */
  read(name: string, offset = 0, length = Number.MAX_SAFE_INTEGER): Uint8Array | undefined {
    const file = this.#find(name)
    if (file === undefined) return undefined
    const end = Math.min(offset + length, file.size)
    const bytes = new Uint8Array(Math.max(0, end - offset))
    if (bytes.length === 0) return bytes
    const pieces = this.#all<{ from: number; bytes: Uint8Array }>(
      `SELECT max(at, $offset) AS "from", substr(bytes, max(0, $offset - at) + 1, $end - max(at, $offset)) AS bytes
       FROM pieces WHERE file = $file AND at > $offset - ${pieceBytesMax} AND at < $end AND at + length(bytes) > $offset`,
      { $file: file.id, $offset: offset, $end: end }
    )
    for (const piece of pieces) bytes.set(piece.bytes, piece.from - offset)
    return bytes
  }

  /** Replaces the content of a file, or creates it. Call this within a transaction. */
  write(name: string, ...chunks: ReadonlyArray<Uint8Array>): void {
    this.remove(name)
    this.#run("INSERT INTO files (name, size) VALUES ($name, 0)", { $name: name })
    for (const chunk of chunks) this.append(name, chunk)
  }

  /** Appends bytes to an existing file. Call this within a transaction. */
  append(name: string, bytes: Uint8Array): void {
    const file = this.#find(name)
    if (file === undefined) throw new Error(`no file ${name}`)
    for (let at = 0; at < bytes.length; at += pieceBytesMax) {
      this.#run("INSERT INTO pieces (file, at, bytes) VALUES ($file, $at, $bytes)", {
        $file: file.id,
        $at: file.size + at,
        $bytes: bytes.subarray(at, at + pieceBytesMax)
      })
    }
    this.#run("UPDATE files SET size = $size WHERE id = $id", { $size: file.size + bytes.length, $id: file.id })
  }

  /** Removes a file; does nothing if it does not exist. Call this within a transaction. */
  remove(name: string): void {
    this.#run("DELETE FROM pieces WHERE file = (SELECT id FROM files WHERE name = $name)", { $name: name })
    this.#run("DELETE FROM files WHERE name = $name", { $name: name })
  }

  /** Renames all files whose names begin with `from`: the prefix becomes `to`. */
  rename(from: string, to: string): void {
    const change = "UPDATE files SET name = $to || substr(name, length($from) + 1)"
    this.#run(`${change} WHERE name >= $from AND name < $from || char(1114111)`, { $from: from, $to: to })
  }

  /** Returns the names that begin with `prefix`, without the prefix, sorted. */
  list(prefix: string): Array<string> {
    const select = "SELECT substr(name, length($prefix) + 1) AS name FROM files"
    const names = this.#all<{ name: string }>(
      `${select} WHERE name >= $prefix AND name < $prefix || char(1114111) ORDER BY name`,
      { $prefix: prefix }
    )
    return names.map(({ name }) => name)
  }

  #find(name: string): { readonly id: number; readonly size: number } | undefined {
    return this.#all<{ id: number; size: number }>("SELECT id, size FROM files WHERE name = $name", { $name: name })[0]
  }

  #all<Row>(sql: string, values: Record<string, SQLInputValue>): Array<Row> {
    return this.#database.prepare(sql).all(values) as Array<Row>
  }

  #run(sql: string, values: Record<string, SQLInputValue>): void {
    this.#database.prepare(sql).run(values)
  }
}

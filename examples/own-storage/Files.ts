/** Named files in one SQLite database: what a storage needs of one, and no more. Synchronous; throws what SQLite throws. */
import { DatabaseSync, type SQLInputValue } from "node:sqlite"

/** Longest piece, in bytes: a read of a few bytes need not load more than this. */
const pieceBytesMax = 1024 * 1024

export class Files {
  readonly #database: DatabaseSync

  private constructor(database: DatabaseSync) {
    this.#database = database
  }

  /** Every transaction is durable when it has been committed: WAL, synced at each commit. Readers block nobody. */
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

  /** All of what `run` writes, or nothing. */
  transaction<A>(run: () => A): A {
    this.#database.exec("BEGIN IMMEDIATE")
    try {
      const value = run()
      this.#database.exec("COMMIT")
      return value
    } catch (error) {
      // A commit that failed may have rolled back by itself.
      if (this.#database.isTransaction) this.#database.exec("ROLLBACK")
      throw error
    }
  }

  /** Bytes of a file; `undefined` where there is none. */
  size(name: string): number | undefined {
    return this.#find(name)?.size
  }

  /** Short at the end only; `undefined` where there is no such file. */
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

  /** Puts these bytes in the place of a file, or makes it. Within a transaction. */
  write(name: string, ...chunks: ReadonlyArray<Uint8Array>): void {
    this.remove(name)
    this.#run("INSERT INTO files (name, size) VALUES ($name, 0)", { $name: name })
    for (const chunk of chunks) this.append(name, chunk)
  }

  /** Adds bytes at the end of a file that is there. Within a transaction. */
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

  /** Removing what is not there does nothing. Within a transaction. */
  remove(name: string): void {
    this.#run("DELETE FROM pieces WHERE file = (SELECT id FROM files WHERE name = $name)", { $name: name })
    this.#run("DELETE FROM files WHERE name = $name", { $name: name })
  }

  /** Gives all files whose names begin with `from` names that begin with `to`. */
  rename(from: string, to: string): void {
    const change = "UPDATE files SET name = $to || substr(name, length($from) + 1)"
    this.#run(`${change} WHERE name >= $from AND name < $from || char(1114111)`, { $from: from, $to: to })
  }

  /** What follows `prefix` in the names that begin with it, sorted. */
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

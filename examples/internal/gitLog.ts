/**
 * Parses the output of `git log -z --raw --numstat`, chunk by chunk. Tokens end with NUL, which no path contains:
 *
 * ```
 * commit  := 0x01 sha NUL parents NUL name NUL email NUL date NUL subject NUL [ 0x0A raw* numstat* ]
 * raw     := ":" modes and blobs, status NUL path NUL [ path NUL ]          two paths: renamed or copied
 * numstat := added TAB removed TAB path NUL | added TAB removed TAB NUL path NUL path NUL       "-": a binary file
 * ```
 */

/** Format of the first fields of a commit, for `git log --date=raw --format=`. */
export const format = "%x01%H%x00%P%x00%an%x00%ae%x00%ad%x00%s"

/** A path as git stores it: bytes, which are usually UTF-8. */
export type Path = Buffer

/** One file that a commit changed. */
export interface Change {
  /** `A`dded, `M`odified, `D`eleted, `R`enamed, `C`opied, `T`ype changed. */
  readonly status: string
  readonly path: Path
  /** The path before a rename or a copy. */
  readonly from: Path | undefined
  /** Numbers of lines; `undefined` for a binary file. */
  readonly lines: { readonly added: number; readonly removed: number } | undefined
}

export interface Commit {
  readonly sha: string
  readonly parents: ReadonlyArray<string>
  readonly name: string
  readonly email: string
  /** Seconds since 1970, by the author's clock. */
  readonly seconds: number
  readonly subject: string
  readonly changes: ReadonlyArray<Change>
}

interface Draft {
  readonly fields: Array<string>
  readonly changes: Array<Omit<Change, "lines">>
  readonly lines: Map<string, Change["lines"]>
}

const headFields = 6

/** Accepts the output in pieces and returns the commits that are complete. */
export class GitLogParser {
  #rest: Buffer = Buffer.alloc(0)
  #draft: Draft | undefined
  /** The paths that the next tokens are, and what to do with them; `undefined` if the next token is not a path. */
  #paths: { readonly want: number; readonly got: Array<Path>; readonly done: (paths: Array<Path>) => void } | undefined
  #commits: Array<Commit> = []

  push(chunk: Uint8Array): Array<Commit> {
    const bytes = this.#rest.length === 0 ? Buffer.from(chunk) : Buffer.concat([this.#rest, chunk])
    let start = 0
    for (let end = bytes.indexOf(0); end !== -1; end = bytes.indexOf(0, start)) {
      this.#token(bytes.subarray(start, end))
      start = end + 1
    }
    this.#rest = bytes.subarray(start)
    return this.#commits.splice(0)
  }

  /** Returns the last commit. */
  end(): Array<Commit> {
    if (this.#rest.length > 0 || this.#paths !== undefined) throw new Error("the output of git log was cut off")
    this.#finish()
    return this.#commits.splice(0)
  }

  #token(token: Buffer): void {
    if (this.#paths !== undefined) return this.#path(token)
    if (token[0] === 0x01 && (this.#draft === undefined || this.#draft.fields.length === headFields)) {
      this.#finish()
      this.#draft = { fields: [token.toString("latin1", 1)], changes: [], lines: new Map() }
      return
    }
    const draft = this.#draft
    if (draft === undefined) throw new Error("the output of git log does not begin with a commit")
    if (draft.fields.length < headFields) draft.fields.push(token.toString("utf8"))
    else this.#change(draft, token[0] === 0x0a ? token.subarray(1) : token)
  }

  #change(draft: Draft, token: Buffer): void {
    if (token[0] === 0x3a) {
      const status = token.toString("latin1", token.lastIndexOf(0x20) + 1)[0]!
      const renamed = status === "R" || status === "C"
      this.#expect(renamed ? 2 : 1, ([first, second]) => {
        const path = renamed ? second! : first!
        draft.changes.push({ status, path, from: renamed ? first : undefined })
      })
      return
    }
    const counts = /^(\d+|-)\t(\d+|-)\t/.exec(token.toString("latin1", 0, 64))
    // Ignore tokens that are neither changes nor counts, such as empty ones.
    if (counts === null) return
    const [prefix, added, removed] = counts
    const lines = added === "-" ? undefined : { added: Number(added), removed: Number(removed) }
    const path = token.subarray(prefix.length)
    if (path.length > 0) draft.lines.set(path.toString("latin1"), lines)
    else this.#expect(2, ([, to]) => draft.lines.set(to!.toString("latin1"), lines))
  }

  #expect(want: number, done: (paths: Array<Path>) => void): void {
    this.#paths = { want, got: [], done }
  }

  #path(token: Buffer): void {
    const paths = this.#paths!
    paths.got.push(Buffer.from(token))
    if (paths.got.length < paths.want) return
    this.#paths = undefined
    paths.done(paths.got)
  }

  #finish(): void {
    const draft = this.#draft
    if (draft === undefined) return
    const [sha = "", parents = "", name = "", email = "", date = "", subject = ""] = draft.fields
    this.#commits.push({
      sha,
      parents: parents === "" ? [] : parents.split(" "),
      name,
      email,
      seconds: Number.parseInt(date, 10) || 0,
      subject,
      changes: draft.changes.map(({ status, path, from }) => {
        return { status, path, from, lines: draft.lines.get(path.toString("latin1")) }
      })
    })
    this.#draft = undefined
  }
}

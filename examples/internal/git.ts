/** Reads a git repository, and never changes it. */
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import * as ChildProcess from "effect/process/ChildProcess"
import * as Spawner from "effect/process/ChildProcessSpawner"
import { realpathSync, statSync } from "node:fs"
import { type Commit, format, GitLogParser } from "./gitLog.ts"

/** A problem with the repository or with git. The message is meant for users. */
export class GitError extends Data.TaggedError("GitError")<{ readonly message: string }> {}

export interface Repository {
  readonly folder: string
  /** Number of commits that lead to HEAD. */
  readonly commits: number
  /** Whether a shallow clone cut the history off. */
  readonly shallow: boolean
}

/** Returns the environment for git, without the variables that a hook or an alias sets to select a repository. */
const environment = (): Record<string, string> => {
  const kept: Record<string, string> = { GIT_OPTIONAL_LOCKS: "0", GIT_NO_LAZY_FETCH: "1", LC_ALL: "C" }
  const foreign = /^GIT_(DIR|WORK_TREE|INDEX_FILE|PREFIX|COMMON_DIR|OBJECT_DIRECTORY|NAMESPACE)$/
  for (const [key, value] of Object.entries(process.env)) {
    if (value !== undefined && !foreign.test(key)) kept[key] ??= value
  }
  return kept
}

const fail = (message: string) => Effect.fail(new GitError({ message }))

const spawn = Effect.fnUntraced(function* (folder: string, args: ReadonlyArray<string>) {
  const spawner = yield* Spawner.ChildProcessSpawner
  const command = ChildProcess.make("git", ["-C", folder, ...args], {
    env: environment(),
    extendEnv: false,
    stdin: "ignore"
  })
  return yield* spawner.spawn(command).pipe(
    Effect.catchReason("PlatformError", "NotFound", () => fail("git was not found: install it, or put it into PATH")),
    Effect.catchTag("PlatformError", (error) => fail(error.message))
  )
})

type Process = Effect.Success<ReturnType<typeof spawn>>

const finish = (process: Process, what: string, complaint: string): Effect.Effect<void, GitError> =>
  Effect.matchEffect(process.exitCode, {
    onFailure: (error) => Effect.fail(new GitError({ message: `${what}: ${error.message}` })),
    onSuccess: (code) => {
      if (code === 0) return Effect.void
      return Effect.fail(
        new GitError({ message: complaint.trim() === "" ? `${what}: code ${code}` : complaint.trim() })
      )
    }
  })

const text = (output: Process["stdout"]): Effect.Effect<string> =>
  Stream.mkString(Stream.decodeText(output)).pipe(Effect.orElseSucceed(() => ""))

/** Returns the output of a git command. */
export const run = (
  folder: string,
  ...args: ReadonlyArray<string>
): Effect.Effect<string, GitError, Spawner.ChildProcessSpawner> =>
  Effect.scoped(
    Effect.gen(function* () {
      const process = yield* spawn(folder, args)
      const [out, complaint] = yield* Effect.all([text(process.stdout), text(process.stderr)], { concurrency: 2 })
      yield* finish(process, `git ${args[0]}`, complaint)
      return out.trimEnd()
    })
  )

/** Opens the repository that contains `path`. */
export const open = Effect.fnUntraced(function* (path: string) {
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory() !== true) {
    return yield* new GitError({ message: `${path} is not a folder` })
  }
  const folder = realpathSync(path)
  const shallow = yield* Effect.mapError(run(folder, "rev-parse", "--is-shallow-repository"), (error) =>
    error.message.includes("not a git repository")
      ? new GitError({ message: `${path} is not a git repository: name one, or clone one first` })
      : error
  )
  // A repository without commits has no HEAD to resolve.
  const head = yield* Effect.orElseSucceed(run(folder, "rev-parse", "--verify", "--quiet", "HEAD"), () => "")
  const commits = head === "" ? "0" : yield* run(folder, "rev-list", "--count", "HEAD")
  return { folder, commits: Number(commits), shallow: shallow === "true" } satisfies Repository
})

/**
 * Lists all commits that lead to HEAD, parents first. Every run must find the same in a commit, so the arguments
 * override the user's configuration. A merge has no changes of its own: they are in the commits that it joins.
 */
const logArguments = `
  -c log.showRoot=true -c i18n.logOutputEncoding=UTF-8
  log --reverse --date-order --diff-merges=off --date=raw --format=${format}
  -z --raw --numstat -M50% -l1000 --diff-algorithm=myers --no-relative --ignore-submodules=none
  --no-color --no-ext-diff --no-textconv --no-notes --no-show-signature HEAD
`
  .trim()
  .split(/\s+/)

/** Returns the commits of a repository, oldest first, as git prints them. */
export const log = (repository: Repository): Stream.Stream<Commit, GitError, Spawner.ChildProcessSpawner> => {
  if (repository.commits === 0) return Stream.empty
  return Stream.unwrap(
    Effect.gen(function* () {
      const process = yield* spawn(repository.folder, logArguments)
      // Read from the start: with a full pipe, git would wait.
      const complaint = yield* Effect.forkScoped(text(process.stderr))
      const parser = new GitLogParser()
      const commits = process.stdout.pipe(
        Stream.mapError((error) => new GitError({ message: `git log: ${error.message}` })),
        Stream.flatMap((chunk) => Stream.fromIterable(parser.push(chunk)))
      )
      const end = Effect.gen(function* () {
        yield* finish(process, "git log", yield* Fiber.join(complaint))
        return parser.end()
      })
      return Stream.concat(commits, Stream.fromIterableEffect(end))
    })
  )
}

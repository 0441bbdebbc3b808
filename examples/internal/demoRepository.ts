/** Makes small git repositories that are the same to the last byte every time, whatever the user's settings. */
import * as Effect from "effect/Effect"
import { spawn } from "node:child_process"
import { GitError, run } from "./git.ts"

/** A commit to make. Paths and contents are texts or bytes. */
export interface Scene {
  readonly author: string
  /** RFC 3339. */
  readonly at: string
  readonly message: string
  /** Index of a scene whose line of history this one merges. */
  readonly merges?: number
  /** Index of the scene that this one follows; default: the one before. */
  readonly after?: number
  readonly write?: ReadonlyArray<readonly [path: string | Buffer, content: string | Buffer]>
  readonly remove?: ReadonlyArray<string | Buffer>
  readonly rename?: ReadonlyArray<readonly [from: string | Buffer, to: string | Buffer]>
}

/** Fills an empty folder with a bare repository whose branch `main` has this history. */
export const makeRepository = Effect.fnUntraced(function* (folder: string, scenes: ReadonlyArray<Scene>) {
  yield* run(folder, "init", "--quiet", "--bare", ".")
  yield* run(folder, "symbolic-ref", "HEAD", "refs/heads/main")
  yield* fastImport(folder, Buffer.concat(scenes.flatMap(commitOf)))
})

const fastImport = (folder: string, input: Buffer): Effect.Effect<void, GitError> =>
  Effect.callback((resume) => {
    const child = spawn("git", ["-C", folder, "fast-import", "--quiet"], { stdio: ["pipe", "ignore", "inherit"] })
    child.on("error", (error) => resume(Effect.fail(new GitError({ message: error.message }))))
    child.on("close", (code) =>
      resume(code === 0 ? Effect.void : Effect.fail(new GitError({ message: `git fast-import: code ${code}` })))
    )
    child.stdin.end(input)
  })

const commitOf = (scene: Scene, index: number): Array<Buffer> => {
  const who = `${scene.author} ${Date.parse(scene.at) / 1000} +0000`
  const after = scene.after ?? index - 1
  return [
    Buffer.from(`commit refs/heads/main\nmark :${index + 1}\nauthor ${who}\ncommitter ${who}\n`),
    dataOf(scene.message),
    Buffer.from(after < 0 ? "" : `from :${after + 1}\n`),
    Buffer.from(scene.merges === undefined ? "" : `merge :${scene.merges + 1}\n`),
    ...(scene.remove ?? []).map((path) => Buffer.from(`D ${quoted(path)}\n`)),
    ...(scene.rename ?? []).map(([from, to]) => Buffer.from(`R ${quoted(from)} ${quoted(to)}\n`)),
    ...(scene.write ?? []).flatMap(([path, content]) => [
      Buffer.from(`M 100644 inline ${quoted(path)}\n`),
      dataOf(content)
    ]),
    Buffer.from("\n")
  ]
}

const dataOf = (content: string | Buffer): Buffer => {
  const bytes = Buffer.from(content)
  return Buffer.concat([Buffer.from(`data ${bytes.length}\n`), bytes, Buffer.from("\n")])
}

/** Quotes a path in C style, which can express every byte. */
const quoted = (path: string | Buffer): string =>
  `"${Array.from(Buffer.from(path), (byte) => `\\${byte.toString(8).padStart(3, "0")}`).join("")}"`

const ada = "Ada Lovelace <ada@example.com>"
const grace = "Grace Hopper <grace@example.com>"

const recipe = ["# Bread", "", "500 g flour", "350 g water", "10 g salt", "2 g yeast", "", "Mix, wait, bake.", ""]

/** A year in the life of a small cookbook. */
export const demoHistory: ReadonlyArray<Scene> = [
  {
    author: ada,
    at: "2025-01-06T09:00:00Z",
    message: "A cookbook",
    write: [
      ["README.md", "# Cookbook\n"],
      ["bread.md", recipe.join("\n")]
    ]
  },
  {
    author: ada,
    at: "2025-01-20T18:30:00Z",
    message: "Soup",
    write: [["soup.md", "# Soup\n\n1 l water\n3 carrots\n"]]
  },
  {
    author: grace,
    at: "2025-03-02T12:00:00Z",
    message: "Less salt in the bread",
    write: [["bread.md", recipe.join("\n").replace("10 g salt", "8 g salt")]]
  },
  {
    author: grace,
    at: "2025-03-03T12:00:00Z",
    message: "Recipes get a folder",
    rename: [
      ["bread.md", "recipes/bread.md"],
      ["soup.md", "recipes/soup.md"]
    ]
  },
  {
    author: ada,
    at: "2025-06-15T08:15:00Z",
    message: "A picture of the bread",
    write: [["pictures/bread.png", Buffer.from("89504e470d0a1a0a00ff", "hex")]]
  },
  {
    author: grace,
    at: "2025-06-16T08:15:00Z",
    message: "Onions",
    write: [["recipes/soup.md", "# Soup\n\n1 l water\n3 carrots\n2 onions\n"]]
  },
  {
    author: ada,
    at: "2025-11-30T20:00:00Z",
    message: "Nobody looks at the picture",
    remove: ["pictures/bread.png"],
    write: [["README.md", "# Cookbook\n\nBread and soup.\n"]]
  }
]

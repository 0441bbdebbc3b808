/**
 * The report on the public declarations, tried on a sample package: it must show every change that a caller can see.
 */
import { spawnSync } from "node:child_process"
import { mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { assert, describe, it } from "vitest"
import { apiReport } from "../../scripts/api/report.ts"
import { root } from "../support/documents.ts"
import { temporaryFolder } from "../support/temporaryFolder.ts"

const folder = temporaryFolder()

const main = join(root, "scripts/apiReport.ts")

const files = {
  "package.json": JSON.stringify({
    name: "sample",
    exports: {
      ".": { types: "./dist/index.d.ts" },
      "./Lamp": { types: "./dist/Lamp.d.ts" },
      "./package.json": "./package.json"
    }
  }),
  "dist/index.d.ts": 'export * as Lamp from "./Lamp.ts";\nexport { on as start } from "./Lamp.ts";\n',
  "dist/Lamp.d.ts": `/** A lamp. */
import * as Effect from "effect/Effect";
import type { Bulb, Unseen } from "./Bulb.ts";
import * as Wires from "./Wires.ts";
/** Turns it on. */
export declare const on: (bulb: Bulb, Unseen: Wires.Red) => Effect.Effect<void, import("./Errors.ts").Burnt>;
export interface Options {
    /** In watts. */
    readonly power?: number;
}
interface Hidden {
    readonly secret: string;
}
export {};
`,
  "dist/Bulb.d.ts":
    "export interface Bulb {\n    readonly socket: string;\n}\nexport interface Unseen {\n    readonly a: 1;\n}\n",
  "dist/Wires.d.ts":
    "export interface Red {\n    readonly red: true;\n}\nexport interface Blue {\n    readonly blue: true;\n}\n",
  "dist/Errors.d.ts":
    "declare const Burnt_base: new () => Error;\nexport declare class Burnt extends Burnt_base {\n    get message(): string;\n}\nexport {};\n"
}

/** Writes the sample package, with one change to one of its files. */
const makePackage = (file?: keyof typeof files, find = "", replace = ""): string => {
  const place = folder()
  for (const [name, text] of Object.entries(files)) {
    if (name === file) assert.include(text, find)
    mkdirSync(dirname(join(place, name)), { recursive: true })
    writeFileSync(join(place, name), name === file ? text.replace(find, replace) : text)
  }
  return place
}

const sample = `# Public declarations of sample

Written by \`npm run api\`. Do not edit it.

## sample

\`\`\`ts
export * as Lamp from "sample/Lamp"
export { on as start } from "sample/Lamp"
\`\`\`

## sample/Lamp

\`\`\`ts
import * as Effect from "effect/Effect"
import * as Wires from "Wires"
import { Bulb } from "Bulb"

export interface Options {
    readonly power?: number;
}

export declare const on: (bulb: Bulb, Unseen: Wires.Red) => Effect.Effect<void, import("./Errors.ts").Burnt>;
\`\`\`

# Declarations that these refer to

## Bulb

\`\`\`ts
export interface Bulb {
    readonly socket: string;
}
\`\`\`

## Errors

\`\`\`ts
export declare class Burnt extends Burnt_base {
    get message(): string;
}

declare const Burnt_base: new () => Error;
\`\`\`

## Wires

\`\`\`ts
export interface Red {
    readonly red: true;
}
\`\`\`
`

const seen = [
  ["a member of an export", "dist/Lamp.d.ts", "readonly power?: number", "readonly power: number"],
  ["a member that an export refers to", "dist/Bulb.d.ts", "socket: string", "socket: number"],
  ["a member in a namespace", "dist/Wires.d.ts", "red: true", "red: false"],
  ["a class that an import() type names", "dist/Errors.d.ts", "get message()", "get text()"],
  ["the base of a class", "dist/Errors.d.ts", "new () => Error", "new (why: string) => Error"],
  ["a new export", "dist/Lamp.d.ts", "interface Hidden", "export interface Hidden"],
  ["the name of an export", "dist/index.d.ts", "on as start", "on as begin"],
  ["the origin of a type", "dist/Lamp.d.ts", "{ Bulb, Unseen }", "{ Unseen as Bulb }"]
] as const

const unseen = [
  ["a comment", "dist/Lamp.d.ts", "In watts", "In volts"],
  ["a declaration that no export refers to", "dist/Bulb.d.ts", "readonly a: 1", "readonly a: 2"],
  ["a declaration that is not exported", "dist/Lamp.d.ts", "secret: string", "secret: number"],
  ["an unused member of a namespace", "dist/Wires.d.ts", "blue: true", "blue: false"]
] as const

describe("the report on the public declarations", () => {
  it("contains the declarations of all subpaths and those that they refer to", () => {
    assert.strictEqual(apiReport(makePackage()), sample)
  })

  it.each(seen)("shows a change of %s", (_, file, find, replace) => {
    assert.notStrictEqual(apiReport(makePackage(file, find, replace)), sample)
  })

  it.each(unseen)("does not show a change of %s", (_, file, find, replace) => {
    assert.strictEqual(apiReport(makePackage(file, find, replace)), sample)
  })
})

describe("npm run api:check", () => {
  const run = (place: string, ...args: ReadonlyArray<string>) =>
    spawnSync(process.execPath, [main, "--root", place, ...args], { encoding: "utf8" })

  it("passes until a member changes, then fails and says where and what to run", () => {
    const place = makePackage()
    assert.strictEqual(run(place).status, 0)
    assert.strictEqual(readFileSync(join(place, "api/litetapes.api.md"), "utf8"), sample)
    assert.strictEqual(run(place, "--check").status, 0)
    writeFileSync(join(place, "dist/Bulb.d.ts"), files["dist/Bulb.d.ts"].replace("socket: string", "socket: number"))
    const { status, stderr } = run(place, "--check")
    assert.strictEqual(status, 1)
    assert.strictEqual(
      stderr,
      "The public declarations differ from api/litetapes.api.md, first at line 32. " +
        "If the change is intended, run `npm run api` and commit the file.\n" +
        "  kept:      readonly socket: string;\n  built:     readonly socket: number;\n"
    )
  })

  it("fails if no report is committed", () => assert.strictEqual(run(makePackage(), "--check").status, 1))

  it("says to build first if there are no declarations", () => {
    const place = makePackage("package.json", "./dist/Lamp.d.ts", "./dist/Light.d.ts")
    const { status, stderr } = run(place)
    assert.strictEqual(status, 1)
    assert.strictEqual(stderr, "./dist/Light.d.ts is missing. Run `npm run build` first.\n")
  })
})

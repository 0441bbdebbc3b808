/** The check of docstrings, on a package made for the test: it must name each public declaration without a docstring. */
import { spawnSync } from "node:child_process"
import { mkdirSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { assert, describe, it } from "vitest"
import { missingDocs } from "../../scripts/api/missingDocs.ts"
import { root } from "../support/documents.ts"
import { temporaryFolder } from "../support/temporaryFolder.ts"

const folder = temporaryFolder()

const files = {
  "package.json": JSON.stringify({
    name: "sample",
    exports: { "./Lamp": { types: "./dist/Lamp.d.ts" }, "./package.json": "./package.json" }
  }),
  "dist/Lamp.d.ts": `/** Lamps. */
import * as Context from "effect/Context";
import type { Socket } from "./Socket.ts";
export * as Bulb from "./Bulb.ts";
export type { Socket };
declare const Burnt_base: new (fields: {
    readonly lamp: string;
}) => Error;
/** The lamp is burnt. */
export declare class Burnt extends Burnt_base {
    get message(): string;
    /** Returns the lamp. */
    lamp(): string;
}
declare const Lamp_base: Context.ServiceClass<Lamp, "sample/Lamp", {
    /** Turns it on. */
    readonly on: () => void;
}>;
/** A lamp. */
export declare class Lamp extends Lamp_base {
}
declare const Dimmer_base: Context.ServiceClass<Dimmer, "sample/Dimmer", DimmerShape>;
/** A dimmer. */
export declare class Dimmer extends Dimmer_base {
}
interface DimmerShape {
    /** From 0 to 1. */
    readonly level: number;
}
/** A colour. */
export type Colour = "red";
export declare const Colour: Colour;
interface Hidden {
    readonly secret: string;
}
`,
  "dist/Socket.d.ts":
    '/** A socket. */\nexport interface Socket {\n    readonly kind: "socket";\n    readonly [name: string]: unknown;\n    /** In volts. */\n    readonly power: number;\n}\n',
  "dist/Bulb.d.ts": `/** A bulb. */
export declare class Bulb {
    #private;
    private broken;
    /** Takes watts. */
    constructor(watts: number);
    /** Changes it. */
    change(): void;
}
`
}

/** Writes the sample package, with one text of one of its files removed. */
const makePackage = (file?: keyof typeof files, text = ""): string => {
  const place = folder()
  for (const [name, whole] of Object.entries(files)) {
    if (name === file) assert.include(whole, text)
    mkdirSync(dirname(join(place, name)), { recursive: true })
    writeFileSync(join(place, name), name === file ? whole.replace(text, "") : whole)
  }
  return place
}

describe("the check of docstrings", () => {
  it("passes a package with all of them, and asks for none where the rule makes an exemption", () => {
    assert.deepStrictEqual(missingDocs(makePackage()), [])
  })

  it.each([
    ["dist/Lamp.d.ts", "/** The lamp is burnt. */", "sample/Lamp.Burnt"],
    ["dist/Lamp.d.ts", "/** Returns the lamp. */", "sample/Lamp.Burnt.lamp"],
    ["dist/Lamp.d.ts", "/** A lamp. */", "sample/Lamp.Lamp"],
    ["dist/Lamp.d.ts", "/** Turns it on. */", "sample/Lamp.Lamp.on"],
    ["dist/Lamp.d.ts", "/** From 0 to 1. */", "sample/Lamp.Dimmer.level"],
    ["dist/Lamp.d.ts", "/** A colour. */", "sample/Lamp.Colour"],
    ["dist/Socket.d.ts", "/** A socket. */", "sample/Lamp.Socket"],
    ["dist/Socket.d.ts", "/** In volts. */", "sample/Lamp.Socket.power"],
    ["dist/Bulb.d.ts", "/** A bulb. */", "sample/Lamp.Bulb.Bulb"],
    ["dist/Bulb.d.ts", "/** Takes watts. */", "sample/Lamp.Bulb.Bulb.constructor"],
    ["dist/Bulb.d.ts", "/** Changes it. */", "sample/Lamp.Bulb.Bulb.change"],
    ["dist/Bulb.d.ts", " A bulb. ", "sample/Lamp.Bulb.Bulb"]
  ] as const)("of %s without %s names %s", (file, text, name) => {
    assert.deepStrictEqual(missingDocs(makePackage(file, text)), [name])
  })

  it("fails the script with the names, and with what to do if the package is not built", () => {
    const run = (place: string) =>
      spawnSync(process.execPath, [join(root, "scripts/docsCheck.ts"), "--root", place], { encoding: "utf8" })
    assert.strictEqual(run(makePackage()).status, 0)
    const missing = run(makePackage("dist/Bulb.d.ts", "/** Changes it. */"))
    assert.strictEqual(missing.status, 1)
    assert.match(missing.stderr, /^1 public names have no docstring.*\n {2}sample\/Lamp\.Bulb\.Bulb\.change\n$/)
    const place = folder()
    mkdirSync(place)
    writeFileSync(join(place, "package.json"), files["package.json"])
    assert.match(run(place).stderr, /Lamp\.d\.ts is missing\. Run `npm run build` first\./)
  })
})

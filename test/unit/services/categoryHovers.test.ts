/** What an editor shows at the names of events: fields, not the types that they were made with. */
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { API } from "typescript/unstable/sync"
import { afterAll, assert, beforeAll, describe, it } from "vitest"
import { root } from "../../support/documents.ts"
import { temporaryFolder } from "../../support/temporaryFolder.ts"

const newFolder = temporaryFolder()
const program = join(root, "test/support/programs/hovers.ts")
const text = readFileSync(program, "utf8")

/** Flag of TypeScript: the whole type, however long it is. */
const noTruncation = 1

const api = new API()
let typeAt: (name: string) => string

beforeAll(() => {
  const config = `${newFolder()}.json`
  const compilerOptions = { typeRoots: [join(root, "node_modules/@types")] }
  writeFileSync(
    config,
    JSON.stringify({ extends: join(root, "tsconfig.json"), files: [program], include: [], compilerOptions })
  )
  const project = api.updateSnapshot({ openProjects: [config] }).getProject(config)
  if (project === undefined) throw new Error(`TypeScript did not open ${config}`)
  assert.deepStrictEqual(project.program.getSemanticDiagnostics(program), [])
  typeAt = (name) => {
    const type = project.checker.getTypeAtPosition(program, text.indexOf(name))
    if (type === undefined) throw new Error(`no type at ${name}`)
    return project.checker.typeToString(type, undefined, noTruncation).replaceAll("readonly ", "")
  }
})

afterAll(() => api.close())

const opened = 'type: "Opened"; data: { owner: string; };'
const deposited = 'type: "Deposited"; data: { cents: number; memo?: string; };'
const place = "stream: string; revision: number; position: number; time: string;"

describe("an editor shows", () => {
  it("type and data of a plain event", () => {
    for (const name of ["plainEvent", "aliasedEvent", "AccountEvent"]) {
      assert.strictEqual(typeAt(name), `{ ${deposited} } | { ${opened} }`, name)
    }
  })

  it("all fields of an event to append", () => {
    const rest = "id?: string; metadata?: Metadata; tags?: string[];"
    assert.strictEqual(typeAt("newEvent"), `{ ${deposited} ${rest} } | { ${opened} ${rest} }`)
    // The order is that of TypeScript.
    const fields = typeAt("newInvoice").slice(2, -3).split("; ").toSorted()
    assert.deepStrictEqual(
      fields,
      [
        "data: { to: string",
        "id?: string",
        "metadata: { user: string",
        "tags?: string[]",
        'type: "Sent"',
        "}",
        "}"
      ].toSorted()
    )
  })

  it("what a decider sees, what it returns, what it rejects with and what it needs", () => {
    const of = (state: string) =>
      `{ events: ({ ${deposited} } | { ${opened} })[]; state: ${state}; revision: number; position?: number; repeated: boolean; }`
    assert.strictEqual(typeAt("evolvedEvent"), `{ ${deposited} } | { ${opened} }`)
    for (const name of ["evolvedState", "decidedState"]) assert.strictEqual(typeAt(name), "{ cents: number; }", name)
    assert.strictEqual(typeAt("handledOne"), of("{ cents: number; }"))
    assert.strictEqual(typeAt("handledAll"), `[${of("{ cents: number; }")}, ${of("number")}]`)
    assert.strictEqual(typeAt("loadedState"), "{ state: { cents: number; }; revision: number; }")
    assert.strictEqual(typeAt("rejection"), "TooLittle")
    assert.sameMembers(typeAt("rejections").split(" | "), ["TooLittle", '"no"'])
    assert.sameMembers(typeAt("neededServices").split(" | "), ["EventStore", "Asked"])
  })

  it("all fields of a stored event, and only those of the types that a filter names", () => {
    const rest = `id: string; metadata: JsonObject; tags: string[]; ${place}`
    for (const name of ["recordedEvent", "readEvent"]) {
      assert.strictEqual(typeAt(name), `{ ${deposited} ${rest} } | { ${opened} ${rest} }`, name)
    }
    assert.strictEqual(typeAt("filteredEvent"), `{ ${deposited} ${rest} }`)
    assert.strictEqual(typeAt("readMetadata"), "{ correlationId?: string; causationId?: string; user: string; }")
  })
})

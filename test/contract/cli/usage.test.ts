/** Manners of the command line: help, usage, errors, colours. */
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { litetapes } from "../../../src/cli/commands.ts"
import { output, run } from "../../support/commandLine.ts"
import { fixtureFolder } from "../../support/fixtures.ts"
import { temporaryFolder } from "../../support/temporaryFolder.ts"

const place = temporaryFolder()
const lib = join(fixtureFolder("events-category"), "lib")
const commands = litetapes.subcommands.flatMap(({ commands: all }) => [...all])

describe("help", () => {
  it.each(commands.map(({ name }) => name))("of %s has a usage and examples that parse", async (name) => {
    const help = await output([name, "--help"])
    assert.include(help, "USAGE")
    assert.include(help, "EXAMPLES")
    assert.include(help, "With --json")
    const { examples } = commands.find((command) => command.name === name)!
    assert.isNotEmpty(examples)
    for (const { command } of examples) {
      const words = /litetapes ((?:'[^']*'|"[^"]*"|[^|<>&)'"\s]+| )+)/.exec(command)![1]!.trim()
      const args = [...words.matchAll(/'([^']*)'|"([^"]*)"|(\S+)/g)].map((match) => match[1] ?? match[2] ?? match[3]!)
      // Its help is shown only once all other arguments were understood as flags of the command.
      assert.deepInclude(await run([...args, "--help"]), { code: 0, err: "" }, command)
    }
  })

  it("is shown without a command, and lists all of them", async () => {
    const help = await output([])
    for (const { name } of commands) assert.match(help, new RegExp(`^ +${name} `, "m"))
    assert.strictEqual(await output(["--help"]), help)
    assert.strictEqual(await output(["--version"]), "1.2.3\n")
  })

  it.each(["bash", "zsh", "fish"])("has completions for %s with all commands", async (shell) => {
    const script = await output(["completions", shell])
    for (const { name } of commands) assert.include(script, name)
  })
})

describe("a wrong call", () => {
  it.each([
    [["lss"], /Unknown subcommand "lss" .*ls/],
    [["ls", "--nothing"], /Unrecognized flag: --nothing/],
    [["cat", "--limit", "x"], /--limit/],
    [["cat", "--limit", "-1"], /limit/],
    [["show"], /Missing required argument: TAPE/],
    [["show", "a", "b"], /"b"/],
    [["streams", "--sort", "size"], /size/],
    [["completions", "csh"], /csh/],
    [["cat", "\u001b[2J", "b"], /b/]
  ])("is reported on standard error with exit code 2: %s", async (args, expected) => {
    const { code, err, out } = await run(args)
    assert.deepStrictEqual([code, out], [2, ""])
    assert.match(err, expected)
    assert.match(err, /^litetapes: [^\n]+ See litetapes.* --help\.\n$/)
    // oxlint-disable-next-line no-control-regex
    assert.notMatch(err, /\u001b/)
  })

  it("names the folder that has no lib", async () => {
    const nowhere = place()
    const { code, err, out } = await run(["--lib", nowhere, "cat"])
    assert.deepStrictEqual([code, out], [2, ""])
    assert.strictEqual(err, `litetapes: there is no lib at ${nowhere}: there is no such folder\n`)
    assert.deepInclude(await run(["doctor", nowhere]), { code: 2, out: "" })
    assert.deepInclude(await run(["--lib", "src", "verify"]), { code: 2, out: "" })
  })
})

describe("an error", () => {
  it("is one sentence, and has a stack with --debug", async () => {
    const plain = await run(["--lib", lib, "show", "nothing"])
    assert.match(plain.err, /^litetapes: [^\n]*nothing[^\n]*\nTry: litetapes ls, which lists the tapes\n$/)
    const debug = await run(["--lib", lib, "show", "nothing", "--debug"])
    assert.include(debug.err, "TapeNotFound")
    assert.match(debug.err, /\n +at /)
    assert.deepStrictEqual([plain.code, plain.out, debug.code, debug.out], [2, "", 2, ""])
  })
})

describe("colours", () => {
  it("are for terminals only, and not with NO_COLOR", async () => {
    // oxlint-disable-next-line no-control-regex
    const coloured = /\u001b\[/
    const args = ["--lib", lib, "ls"]
    assert.notMatch(await output(args), coloured)
    assert.match(await output(args, { terminal: 80 }), coloured)
    assert.notMatch(await output(args, { terminal: 80, env: { NO_COLOR: "1" } }), coloured)
    assert.notMatch(await output(args, { terminal: 80, env: { TERM: "dumb" } }), coloured)
    assert.match(await output(["--help"], { terminal: 80 }), coloured)
    assert.notMatch(await output(["--help"]), coloured)
  })
})

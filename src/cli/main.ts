/** The command `litetapes`, as a process. */
import { version } from "./version.ts"

const [first, ...others] = process.argv.slice(2)

// Asked for by scripts and by people who wait: nothing else needs to be loaded.
if (others.length === 0 && (first === "--version" || first === "-v")) process.stdout.write(`${version}\n`)
else await import("./runProcess.ts").then(({ runProcess }) => runProcess())

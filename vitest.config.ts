import { availableParallelism } from "node:os"
import { defineConfig } from "vitest/config"
import { checkEngine } from "./scripts/engine.ts"
import { SlowestFirst } from "./test/support/SlowestFirst.ts"

checkEngine()

const realms = (pool: "vmThreads" | "vmForks") => ({
  extends: true as const,
  test: { name: pool, pool, include: ["test/runtimes/realms/*.test.ts"] }
})

export default defineConfig({
  resolve: { conditions: ["litetapes-source"] },
  ssr: { resolve: { conditions: ["litetapes-source", "node", "import", "default"] } },
  test: {
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // The default leaves one core idle. One worker more than there are cores: a tenth of the time tests wait, for syncs of
    // a disk or for other processes.
    maxWorkers: availableParallelism() + 1,
    sequence: { sequencer: SlowestFirst },
    coverage: {
      provider: "v8",
      include: ["src/**"],
      reporter: ["text-summary", "text"],
      // A little below what was seen: 97.44, 93.93, 97.81 and 98.25 percent.
      thresholds: { statements: 97, branches: 93, functions: 97, lines: 97.5 }
    },
    projects: [
      // Loading the library takes longer than most of these tests: they share a process.
      {
        extends: true,
        test: {
          name: "subjects",
          include: ["test/{unit,property}/**/*.test.ts", "examples/**/*.test.ts"],
          isolate: false,
          // Young objects die sooner than the default space fills.
          execArgv: ["--max-semi-space-size=64"]
        }
      },
      // These change what a process has once: its files, its prototypes, its memory, its handlers.
      {
        extends: true,
        test: { name: "whole", include: ["test/**/*.test.ts"], exclude: ["test/{unit,property,runtimes}/**"] }
      },
      // These run in a realm of their own, beside that of Node's modules.
      realms("vmThreads"),
      realms("vmForks")
    ]
  }
})

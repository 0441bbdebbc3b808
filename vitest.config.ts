import { defineConfig } from "vitest/config"
import { checkEngine } from "./scripts/engine.ts"

checkEngine()

export default defineConfig({
  resolve: { conditions: ["litetapes-source"] },
  ssr: { resolve: { conditions: ["litetapes-source", "node", "import", "default"] } },
  test: {
    include: ["test/**/*.test.ts"],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    coverage: { provider: "v8", include: ["src/**"], reporter: ["text-summary", "text"] }
  }
})

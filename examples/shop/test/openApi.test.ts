/** How the requests are described to others. */
import { afterAll, assert, it } from "vitest"
import { Bank } from "../process/Bank.ts"
import { shopInMemory } from "./support/shopInMemory.ts"

const { ask, dispose } = shopInMemory(Bank.layerPretend)
afterAll(dispose)

interface Operation {
  readonly responses: object
  readonly parameters: ReadonlyArray<{ readonly in: string; readonly name: string; readonly required: boolean }>
}

it("OpenAPI is served, with every answer of every request, and its key", async () => {
  const { body } = await ask<{
    readonly openapi: string
    readonly paths: { readonly [path: string]: { readonly [method: string]: Operation } }
  }>("/openapi.json")
  assert.match(body.openapi, /^3\.1/)
  const operations = Object.entries(body.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ name: `${method} ${path}`, operation }))
  )
  const answers = Object.fromEntries(
    operations.map(({ name, operation }) => [name, Object.keys(operation.responses).join(" ")])
  )
  assert.deepStrictEqual(answers, {
    "post /orders": "201 400 422 500 503",
    "get /orders": "200 400 500",
    "get /orders/{id}": "200 400 404 500 503",
    "post /orders/{id}/cancellation": "200 400 404 409 500 503",
    "post /stock/{sku}/receipts": "201 400 422 500 503",
    "get /stock": "200 400 500",
    "get /health/live": "204 400 500",
    "get /health/ready": "200 400 500 503"
  })
  for (const { name, operation } of operations) {
    const keys = operation.parameters.filter(({ name }) => name === "idempotency-key")
    assert.deepStrictEqual(
      keys.map((key) => [key.in, key.required]),
      name.startsWith("post") ? [["header", true]] : [],
      name
    )
  }
})

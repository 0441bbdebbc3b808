/** How is the bank called? By HTTP in production; a bank that only pretends is enough to try the shop. */
import * as Context from "effect/Context"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as HttpClientResponse from "effect/http/HttpClientResponse"

/** The bank takes no money of this customer. */
export class Declined extends Data.TaggedError("Declined")<{ readonly why: string }> {}
/** The bank gave no answer, so nobody knows: ask again with the same key. */
export class BankUnavailable extends Data.TaggedError("BankUnavailable")<{ readonly cause: unknown }> {}
/** The bank does not take the call as it is, such as with a wrong URL or key. It answers the same each time. */
export class CallRefused extends Data.TaggedError("CallRefused")<{ readonly status: number }> {
  override get message() {
    return `the bank refuses the call with status ${this.status}`
  }
}

export interface Charge {
  /** The bank does what has the same key once, and then returns the first answer. */
  readonly key: string
  readonly order: string
  readonly cents: number
}

export interface Refund {
  readonly key: string
  /** Of the charge that is refunded. */
  readonly reference: string
}

export class Bank extends Context.Service<
  Bank,
  {
    readonly charge: (
      charge: Charge
    ) => Effect.Effect<{ readonly reference: string }, Declined | BankUnavailable | CallRefused>
    readonly refund: (refund: Refund) => Effect.Effect<void, BankUnavailable | CallRefused>
  }
>()("shop/Bank") {
  static readonly layerHttp = (url: URL): Layer.Layer<Bank, never, HttpClient.HttpClient> =>
    Layer.effect(
      Bank,
      Effect.map(HttpClient.HttpClient, (client) => {
        const post = (path: string, key: string, body: unknown) =>
          client
            .execute(
              HttpClientRequest.post(under(url, path)).pipe(
                HttpClientRequest.setHeader("idempotency-key", key),
                HttpClientRequest.bodyJsonUnsafe(body)
              )
            )
            .pipe(Effect.timeout("5 seconds"))
        const unavailable = (cause: unknown) => new BankUnavailable({ cause })
        const taken = HttpClientResponse.schemaBodyJson(Schema.Struct({ reference: Schema.String }))
        const refused = HttpClientResponse.schemaBodyJson(Schema.Struct({ why: Schema.String }))
        return {
          charge: ({ key, ...charge }) =>
            post("charges", key, charge).pipe(
              Effect.flatMap(
                HttpClientResponse.matchStatus({
                  200: taken,
                  402: (response) => Effect.flatMap(refused(response), ({ why }) => new Declined({ why })),
                  orElse: ({ status }) => Effect.fail(failureOf(status))
                })
              ),
              Effect.mapError((error) =>
                error instanceof Declined || error instanceof CallRefused ? error : unavailable(error)
              )
            ),
          refund: ({ key, ...refund }) =>
            post("refunds", key, refund).pipe(
              Effect.flatMap(({ status }) =>
                status >= 200 && status < 300 ? Effect.void : Effect.fail(failureOf(status))
              ),
              Effect.mapError((error) => (error instanceof CallRefused ? error : unavailable(error)))
            )
        }
      })
    )

  /** Takes every amount up to 1000.00, and declines the others. */
  static readonly layerPretend = Layer.succeed(Bank, {
    charge: ({ cents, order }) =>
      cents <= 100_000 ? Effect.succeed({ reference: `bank-${order}` }) : new Declined({ why: "too much" }),
    refund: () => Effect.void
  })
}

/** Returns a URL below that of the bank, which may have a path of its own. */
const under = (url: URL, path: string): URL => {
  const below = new URL(url)
  below.pathname = `${url.pathname.replace(/\/+$/, "")}/${path}`
  return below
}

/** Timeouts (408) and too many calls (429) pass; other refusals stay until somebody corrects the call. */
const failureOf = (status: number): CallRefused | Error =>
  status >= 400 && status < 500 && status !== 408 && status !== 429
    ? new CallRefused({ status })
    : new Error(`the bank answered ${status}`)

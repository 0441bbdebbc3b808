/** Which answer does an error get? Problems of RFC 9457, each with its status. Any other error is a defect: 500, and a log line. */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as HttpServerRespondable from "effect/http/HttpServerRespondable"
import * as HttpApiError from "effect/http-api/HttpApiError"
import * as EventErrors from "litetapes/EventErrors"

export class OrderNotFound extends HttpApiError.Problem<OrderNotFound>()("OrderNotFound", {
  type: "/problems/order-not-found",
  status: 404,
  title: "There is no such order."
}) {}

export class OrderShipped extends HttpApiError.Problem<OrderShipped>()("OrderShipped", {
  type: "/problems/order-shipped",
  status: 409,
  title: "The order was shipped, so it cannot be cancelled."
}) {}

export class UnknownProducts extends HttpApiError.Problem<UnknownProducts>()(
  "UnknownProducts",
  { type: "/problems/unknown-products", status: 422, title: "The shop does not have these products." },
  { skus: Schema.Array(Schema.String) }
) {}

export class KeyReused extends HttpApiError.Problem<KeyReused>()("KeyReused", {
  type: "/problems/idempotency-key-reused",
  status: 422,
  title: "This Idempotency-Key belongs to another request."
}) {}

export class TryAgain extends HttpApiError.Problem<TryAgain>()("TryAgain", {
  type: "/problems/try-again",
  status: 503,
  title: "It is not known whether this was done. Repeat the request with the same Idempotency-Key."
}) {}

export class NotReady extends HttpApiError.Problem<NotReady>()(
  "NotReady",
  { type: "/problems/not-ready", status: 503, title: "The shop cannot work now." },
  { problems: Schema.Array(Schema.String) }
) {}

type Problem = HttpServerRespondable.Respondable

/**
 * Turns errors into answers. A problem stays: the compiler checks that `api.ts` has it. If a repeated request may succeed, an error of
 * the store is `TryAgain`. Any other error is a mistake in the program, or damage: a defect.
 */
export const orProblem = <A, E, R>(
  effect: Effect.Effect<A, E, R>
): Effect.Effect<A, Extract<E, Problem> | TryAgain, R> =>
  Effect.catch(effect, (error): Effect.Effect<never, Extract<E, Problem> | TryAgain> => {
    if (EventErrors.isConflict(error) || EventErrors.isRetryable(error)) return new TryAgain()
    return HttpServerRespondable.isRespondable(error) ? Effect.fail(error as Extract<E, Problem>) : Effect.die(error)
  })

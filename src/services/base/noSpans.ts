/** Spans in the standalone package, where nobody can install a tracer: see scripts/build/withoutMetrics.ts. */
import * as Effect from "effect/Effect"
import type * as Spans from "./spans.ts"

export type { AnySpan, Span } from "effect/Tracer"

export const isTraced: typeof Spans.isTraced = () => false

export const inSpan: typeof Spans.inSpan = (_spanned, body) => body(undefined)

export const inNewSpan: typeof Spans.inNewSpan = (_spanned, body) => body(undefined as never)

export const streamInSpan: typeof Spans.streamInSpan = (_spanned, stream) => stream

export const beginSpan: typeof Spans.beginSpan = () => undefined

export const withoutParent: typeof Spans.withoutParent = (effect) => effect

export const keepTracer: typeof Spans.keepTracer = Effect.succeed((effect) => effect)

export const dropParent: typeof Spans.dropParent = (context) => context

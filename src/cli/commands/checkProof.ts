/** `litetapes check-proof` */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { readFileSync } from "node:fs"
import * as Proof from "../../domain/merkle/Proof.ts"
import { answerNo, Usage } from "../errors.ts"
import { JsonFlag } from "../flags.ts"
import { headOf } from "../heads.ts"
import { allText } from "../input.ts"
import { Output } from "../Output.ts"
import { readJson } from "../readJson.ts"

interface Input {
  readonly file: string
  readonly head: Option.Option<string>
  readonly since: Option.Option<string>
}

interface Parsed {
  readonly kind: "record" | "growth"
  readonly record?: unknown
  readonly proof: Proof.InclusionProof & Proof.ConsistencyProof
}

const isParsed = (value: unknown): value is Parsed =>
  typeof value === "object" &&
  value !== null &&
  "kind" in value &&
  (value.kind === "record" || value.kind === "growth") &&
  "proof" in value &&
  typeof value.proof === "object" &&
  value.proof !== null

const readText = (file: string) =>
  file === "-"
    ? allText
    : Effect.try({
        try: () => readFileSync(file, "utf8"),
        catch: () => new Usage({ message: `${JSON.stringify(file)} cannot be read.` })
      })

const parse = (text: string): Effect.Effect<Parsed, Usage> =>
  Effect.suspend(() => {
    try {
      const value: unknown = readJson(text)
      if (isParsed(value)) return Effect.succeed(value)
    } catch {
      // Said below.
    }
    return Effect.fail(new Usage({ message: "this is not a proof that litetapes prove printed." }))
  })

/** Returns whether a proof holds. One with other fields than a proof has does not. */
const holds = ({ kind, proof, record }: Parsed): boolean => {
  try {
    return kind === "record" ? Proof.checkInclusion(record, proof) : Proof.checkConsistency(proof)
  } catch {
    return false
  }
}

export const run = ({ file, head, since }: Input) =>
  Effect.gen(function* () {
    const output = yield* Output
    const parsed = yield* parse(yield* readText(file))
    const { kind, proof } = parsed
    if (kind === "record" && Option.isSome(since)) {
      return yield* new Usage({ message: "--since is for a proof of growth, and this is the proof of a record." })
    }
    const kept = Option.isSome(head) ? yield* headOf("--head", head.value) : undefined
    const earlier = Option.isSome(since) ? yield* headOf("--since", since.value) : undefined
    const about: unknown = kind === "record" ? proof.head : proof.to
    const valid =
      holds(parsed) &&
      (kept === undefined || (Proof.isHead(about) && Proof.sameHead(about, kept))) &&
      (earlier === undefined || Proof.sameHead(proof.from, earlier))
    const isJson = yield* JsonFlag
    if (!valid) {
      return yield* answerNo(isJson ? output.json({ valid, head: about ?? null }) : output.print(["not valid"]))
    }
    if (isJson) yield* output.json({ valid, head: about ?? null })
    else {
      yield* output.print([
        kept === undefined ? `valid, for the head ${Proof.encodeHead(about as Proof.Head)}` : "valid"
      ])
      // A proof that is checked against its own head shows only that its maker can hash.
      if (kept === undefined)
        yield* output.note("Compare this head with one that was kept, or pass that one as --head.\n")
    }
  })

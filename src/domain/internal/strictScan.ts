/** What a parser drops in silence: repeated keys, and digits of numbers that a double cannot hold. */
import { type Reason, TaraSONError } from "../TaraSONError.ts"
import { pointerOf } from "./canonicalText.ts"

interface Container {
  /** The keys so far; `undefined` in an array. */
  readonly keys: Set<string> | undefined
  /** Where the scan is within the container. */
  place: string | number
}

const numberLiteral = /-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/y
const integerLiteral = /^-?\d+$/

/**
 * Looks at the tokens of a valid JSON text. Throws `DuplicateKey`, and `UnrepresentableNumber` for a literal that
 * overflows or an integer literal beyond ±(2^53 - 1) whose canonical text differs.
 */
export const scanTokens = (text: string): void => {
  const open: Array<Container> = []
  let keyNext = false
  let at = 0
  while (at < text.length) {
    const container = open.at(-1)
    const character = text[at]!
    if (character === '"') {
      const after = endOfString(text, at)
      if (keyNext) enterKey(open, container!, text.slice(at, after))
      keyNext = false
      at = after
    } else if (character === "-" || (character >= "0" && character <= "9")) {
      numberLiteral.lastIndex = at
      const literal = numberLiteral.exec(text)![0]
      checkNumber(open, literal)
      at += literal.length
    } else {
      if (character === "{") {
        open.push({ keys: new Set(), place: "" })
        keyNext = true
      } else if (character === "[") {
        open.push({ keys: undefined, place: 0 })
      } else if (character === "}" || character === "]") {
        open.pop()
        keyNext = false
      } else if (character === "," && container !== undefined) {
        keyNext = container.keys !== undefined
        if (typeof container.place === "number") container.place++
      }
      at++
    }
  }
}

/** The index after the closing quote of the string that opens at `start`. */
const endOfString = (text: string, start: number): number => {
  let at = start + 1
  while (text[at] !== '"') at += text[at] === "\\" ? 2 : 1
  return at + 1
}

const enterKey = (open: ReadonlyArray<Container>, container: Container, literal: string): void => {
  const key = literal.includes("\\") ? (JSON.parse(literal) as string) : literal.slice(1, -1)
  container.place = key
  if (container.keys!.has(key)) refuse(open, { _tag: "DuplicateKey" })
  container.keys!.add(key)
}

const checkNumber = (open: ReadonlyArray<Container>, literal: string): void => {
  const value = Number(literal)
  const loses = integerLiteral.test(literal) && !Number.isSafeInteger(value) && String(value) !== literal
  if (loses || !Number.isFinite(value)) refuse(open, { _tag: "UnrepresentableNumber" })
}

const refuse = (open: ReadonlyArray<Container>, reason: Reason): never => {
  throw new TaraSONError({ pointer: pointerOf(open.map((container) => container.place)), reason })
}

/** Finds the docstrings of one declaration, and of the members that its reader uses by name. */
import type { Comment } from "oxc-parser"

export interface Member {
  readonly name: string
  readonly isDocumented: boolean
}

export interface Doc {
  readonly isDocumented: boolean
  /** The members of an interface or of a class; of the base of a service, those of the service. */
  readonly members: ReadonlyArray<Member>
  /** The name after `extends` in a class. */
  readonly base: string | undefined
  /** The name of the interface of a service, if the base of the service refers to it by name. */
  readonly shape: string | undefined
}

interface Node {
  readonly type: string
  readonly start: number
  readonly [field: string]: unknown
}

const isDocstring = ({ type, value }: Comment): boolean => type === "Block" && /^\*[\s*]*[^\s*]/.test(value)

/** Returns whether a docstring ends right before `start`. */
const isDocumentedAt = (text: string, comments: ReadonlyArray<Comment>, start: number): boolean => {
  const before = comments.findLast(({ end }) => end <= start)
  return before !== undefined && isDocstring(before) && text.slice(before.end, start).trim() === ""
}

const nameOf = (key: Node): string | undefined => {
  if (key.type === "Identifier") return key["name"] as string
  return key.type === "Literal" ? String(key["value"]) : undefined
}

/** Returns the names of members that callers use: no `#private`, no index signatures, no symbols. */
const membersOf = (text: string, comments: ReadonlyArray<Comment>, nodes: ReadonlyArray<Node>): Array<Member> => {
  const documented = new Map<string, boolean>()
  for (const node of nodes) {
    const isHidden = node["accessibility"] === "private" || node["computed"] === true
    const key = node["key"] as Node | undefined
    const name = key === undefined || isHidden ? undefined : nameOf(key)
    if (name === undefined || isDiscriminant(node)) continue
    documented.set(name, documented.get(name) === true || isDocumentedAt(text, comments, node.start))
  }
  return [...documented].map(([name, isDocumented]) => ({ name, isDocumented }))
}

/** A member with one literal as its type, such as `kind: "file"`, explains itself. */
const isDiscriminant = (node: Node): boolean => {
  const annotation = node["typeAnnotation"] as { readonly typeAnnotation?: Node } | null | undefined
  return annotation?.typeAnnotation?.type === "TSLiteralType"
}

/** Returns the type of a service in `declare const X_base: Context.ServiceClass<X, "key", {…}>`. */
const serviceTypeOf = (declared: Node): Node | undefined => {
  const declarations = declared["declarations"] as ReadonlyArray<{ readonly id: Node }> | undefined
  const type = (declarations?.[0]?.id["typeAnnotation"] as { readonly typeAnnotation?: Node } | null)?.typeAnnotation
  const name = (type?.["typeName"] as { readonly right?: { readonly name: string } } | undefined)?.right?.name
  if (type === undefined || name !== "ServiceClass") return undefined
  return (type["typeArguments"] as { readonly params: ReadonlyArray<Node> }).params[2]
}

/** Returns the docstrings of a declaration. `start` is where its statement begins. */
export const docOf = (text: string, comments: ReadonlyArray<Comment>, start: number, declaration: unknown): Doc => {
  const declared = declaration as Node
  const service = serviceTypeOf(declared)
  const body = (declared["body"] as { readonly body?: ReadonlyArray<Node> } | null | undefined)?.body
  const literal = service?.type === "TSTypeLiteral" ? (service["members"] as ReadonlyArray<Node>) : undefined
  return {
    isDocumented: isDocumentedAt(text, comments, start),
    members: membersOf(text, comments, literal ?? (Array.isArray(body) ? body : [])),
    base: (declared["superClass"] as { readonly name?: string } | null | undefined)?.name,
    shape: (service?.["typeName"] as { readonly name?: string } | undefined)?.name
  }
}

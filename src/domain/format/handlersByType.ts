/** Handlers of the events of a category, one for each of its types. */
import { InvalidArgument } from "./CallErrors.ts"

/** What is needed of a category. */
interface Declared {
  readonly name: string
  readonly schemas: object
  readonly retired: object
}

/**
 * Returns the handlers by type, without those of types that are ignored. Throws `InvalidArgument` if a type has no handler,
 * or a handler no type: an event that nobody has thought of must not be left out in silence.
 */
export const handlersByType = <Handler>(
  call: string,
  { name, retired, schemas }: Declared,
  handlers: object
): ReadonlyMap<string, Handler> => {
  const wrong = (type: string, why: string) => new InvalidArgument({ call, argument: `handlers.${type}`, why })
  const types = [...Object.keys(schemas), ...Object.keys(retired)]
  const given = new Map<string, unknown>(Object.entries(handlers))
  for (const type of types) {
    const handler = given.get(type)
    if (handler !== "ignore" && typeof handler !== "function") {
      throw wrong(type, 'must be a function, or "ignore" if the type changes nothing')
    }
  }
  const other = [...given.keys()].find((type) => !types.includes(type))
  if (other !== undefined) throw wrong(other, `is not a type of category ${name}`)
  return new Map([...given].filter(([, handler]) => handler !== "ignore")) as ReadonlyMap<string, Handler>
}

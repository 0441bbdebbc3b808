/** Services by their keys. */
export interface Context<in Services> {
  readonly "~opaque": (_: Services) => void
}

/** A service with a default. */
export interface Reference<out A> {
  readonly key: string
  readonly Service: A
}

/** The class of a service. */
export interface ServiceClass<out Self, out Identifier extends string, out Shape> {
  new (_: never): { readonly Service: Shape; readonly key: Identifier; readonly "~self"?: Self }
  readonly key: Identifier
}

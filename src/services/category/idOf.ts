/**
 * Returns the id of the aggregate that a recorded event belongs to: `17` for the stream `account-17`, as it was given to `append`.
 * For an event of a stream without `-`, which no category has, it returns the whole name.
 *
 * @example
 * ```ts
 * const handler = (event: EventStore.RecordedEvent) => sendInvoice(Category.idOf(event), event.id)
 * ```
 */
export const idOf = ({ stream }: { readonly stream: string }): string => stream.slice(stream.indexOf("-") + 1)

/** The marks of events that another event causes. */
import type { RecordedEvent } from "./Event.ts"

/**
 * Returns append options for events that `event` caused: its correlation id (or else its id), and its id as the
 * causation id.
 */
export const causedBy = (event: RecordedEvent): { readonly correlationId: string; readonly causationId: string } => {
  const { correlationId } = event.metadata
  return { correlationId: typeof correlationId === "string" ? correlationId : event.id, causationId: event.id }
}

/** The appender of each session of a lib: two of them would not see each other's pending appends. */
import type { Internals } from "./internals.ts"
import { EventAppender } from "./streams/EventAppender.ts"
import { StreamStates } from "./streams/StreamStates.ts"

const appenders = new WeakMap<Internals, EventAppender>()

/** Returns the appender of a session; `undefined` in a reader. */
export const appenderOf = (session: Internals): EventAppender | undefined => {
  const known = appenders.get(session)
  if (known !== undefined || session.writer === undefined) return known
  const made = new EventAppender(session.handle, session.writer.loop, new StreamStates())
  appenders.set(session, made)
  return made
}

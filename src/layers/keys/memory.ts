/** Keys in memory, for tests: they last as long as the store. */
import * as Effect from "effect/Effect"
import type { KeyStore } from "../../services/ports/KeyStore.ts"
import { keyStoreOver } from "./keyStoreOver.ts"

export const makeMemory = (): KeyStore["Service"] => {
  const texts = new Map<string, string>()
  return keyStoreOver({
    placeOf: (subject) => `subject ${JSON.stringify(subject)} in memory`,
    settle: Effect.void,
    read: (subjects) =>
      Effect.sync(
        () => new Map([...new Set(subjects)].flatMap((one) => (texts.has(one) ? [[one, texts.get(one)!]] : [])))
      ),
    replace: (subject, before, text) =>
      Effect.sync(() => {
        if (texts.get(subject) !== before) return false
        texts.set(subject, text)
        return true
      }),
    all: Effect.sync(() => [...texts].map(([subject, text]) => [`subject ${JSON.stringify(subject)} in memory`, text]))
  })
}

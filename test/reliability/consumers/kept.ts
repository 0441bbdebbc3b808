/** What a consumer wrote into its checkpoint store, and what of it may be found after a crash. */
import * as Effect from "effect/Effect"
import type * as CheckpointStore from "litetapes/CheckpointStore"
import { DiskState } from "litetapes/testing"

type Checkpoints = CheckpointStore.CheckpointStore["Service"]

export interface Checkpoint {
  readonly low: number
  readonly done: ReadonlyArray<readonly [number, number]>
}

/** All values that a key had, oldest first. Which of them is the last acknowledged one. */
interface Values {
  readonly texts: ReadonlyArray<string | undefined>
  readonly acknowledged: number
}

const never: Values = { texts: [undefined], acknowledged: 0 }

export class Kept {
  readonly #values: Map<string, Values>

  constructor(values: ReadonlyMap<string, Values> = new Map()) {
    this.#values = new Map(values)
  }

  copy(): Kept {
    return new Kept(this.#values)
  }

  /** The checkpoint that was written last. */
  get checkpoint(): Checkpoint | undefined {
    const text = this.#last("checkpoint")
    return text === undefined ? undefined : (JSON.parse(text) as Checkpoint)
  }

  isParked(position: number): boolean {
    return this.#last(`parked-${position}`) !== undefined
  }

  /** Whether an event was parked once, and is parked no more. */
  wasRemoved(position: number): boolean {
    const { texts } = this.#values.get(`parked-${position}`) ?? never
    return texts.length > 1 && texts.at(-1) === undefined
  }

  #last(key: string): string | undefined {
    return (this.#values.get(key) ?? never).texts.at(-1)
  }

  /** A store that notes what is written to it. */
  noting(store: Checkpoints): Checkpoints {
    const write = <E>(key: string, text: string | undefined, effect: Effect.Effect<void, E>) =>
      Effect.suspend(() => {
        const { acknowledged, texts } = this.#values.get(key) ?? never
        this.#values.set(key, { texts: [...texts, text], acknowledged })
        return Effect.map(effect, () => {
          this.#values.set(key, { texts: [...texts, text], acknowledged: texts.length })
        })
      })
    return {
      claim: (consumer, onClaimed) =>
        Effect.map(store.claim(consumer, onClaimed), (entries) => ({
          ...entries,
          set: (key, text) => write(key, text, entries.set(key, text)),
          remove: (key) => write(key, undefined, entries.remove(key))
        }))
    }
  }

  /**
   * Takes what is on a disk for what was written last. Returns what is wrong with it: each key must have the value whose
   * write was acknowledged last, or a later one.
   */
  find(state: DiskState.DiskState, place: string): string | undefined {
    for (const [key, { acknowledged, texts }] of this.#values) {
      const text = textAt(state, `${place}/${key}.json`)
      const at = texts.lastIndexOf(text)
      if (at < acknowledged)
        return `${key} is ${JSON.stringify(text)}, and ${JSON.stringify(texts[acknowledged])} was acknowledged`
      this.#values.set(key, { texts: texts.slice(0, at + 1), acknowledged: at })
    }
    const low = this.checkpoint?.low ?? 0
    const lows = (this.#values.get("checkpoint") ?? never).texts.map((text) =>
      text === undefined ? 0 : (JSON.parse(text) as Checkpoint).low
    )
    return Math.max(...lows) > low ? `the checkpoint went back to ${low} from ${Math.max(...lows)}` : undefined
  }
}

const textAt = (state: DiskState.DiskState, path: string): string | undefined => {
  const inode = DiskState.lookUp(state, path)
  const node = inode === undefined ? undefined : state.nodes.get(inode)
  return node?.kind === "file" ? Buffer.from(node.cache).toString() : undefined
}

/** Scheduled events that are neither delivered nor cancelled, by the time when they are due. */

/** A scheduled event that is open. Its data stays in the lib. */
export interface OpenEvent {
  /** Its id. */
  readonly id: string
  /** When it is due, in milliseconds since 1970. */
  readonly deliverAt: number
  /** Position of the event that scheduled it. */
  readonly position: number
}

const isBefore = (a: OpenEvent, b: OpenEvent): boolean =>
  a.deliverAt < b.deliverAt || (a.deliverAt === b.deliverAt && a.position < b.position)

/** A heap by time, and a map by id. Settled events leave the heap at its top, or once half of it is settled. */
export class OpenEvents {
  readonly #byId = new Map<string, OpenEvent>()
  #heap: Array<OpenEvent> = []

  get size(): number {
    return this.#byId.size
  }

  /** Returns all of them in no particular order. */
  get all(): ReadonlyArray<OpenEvent> {
    return [...this.#byId.values()]
  }

  /** Adds one. Its id must not be open. */
  add(event: OpenEvent): void {
    this.#byId.set(event.id, event)
    this.#push(event)
  }

  /** Removes one that is delivered or cancelled. Does nothing if it is not open. */
  settle(id: string): void {
    if (!this.#byId.delete(id) || this.#heap.length <= 2 * this.#byId.size + 64) return
    const left = this.#heap.filter((event) => this.#isOpen(event))
    this.#heap = []
    for (const event of left) this.#push(event)
  }

  /** Returns the one that is due first, of those that were not taken. */
  get first(): OpenEvent | undefined {
    for (;;) {
      const [top] = this.#heap
      if (top === undefined || this.#isOpen(top)) return top
      this.#pop()
    }
  }

  /** Takes those that are due, the earliest first. They stay open until they are settled. */
  takeDue(now: number, countMax: number): ReadonlyArray<OpenEvent> {
    const due: Array<OpenEvent> = []
    while (due.length < countMax) {
      const { first } = this
      if (first === undefined || first.deliverAt > now) break
      this.#pop()
      due.push(first)
    }
    return due
  }

  /** Puts taken ones back, unless they are settled. */
  putBack(events: ReadonlyArray<OpenEvent>): void {
    for (const event of events) if (this.#isOpen(event)) this.#push(event)
  }

  /** Returns the lowest position of an open one; `undefined` without any. Looks at all of them. */
  get lowest(): number | undefined {
    let lowest: number | undefined
    for (const { position } of this.#byId.values()) lowest = Math.min(lowest ?? position, position)
    return lowest
  }

  #isOpen(event: OpenEvent): boolean {
    return this.#byId.get(event.id) === event
  }

  #push(event: OpenEvent): void {
    const heap = this.#heap
    let at = heap.push(event) - 1
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (!isBefore(event, heap[parent]!)) break
      heap[at] = heap[parent]!
      at = parent
    }
    heap[at] = event
  }

  #pop(): void {
    const heap = this.#heap
    const last = heap.pop()
    if (last === undefined || heap.length === 0) return
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child++
      if (!isBefore(heap[child]!, last)) break
      heap[at] = heap[child]!
      at = child
    }
    heap[at] = last
  }
}

/** Broken dynamic segments, segments and indexes. */
import * as Effect from "effect/Effect"
import type { Root, StorageError } from "litetapes/Storage"
import { always, failure, instead, joined, type Mutant, onRoot, onWriter, padded } from "./breaking.ts"

export const dynamicMutants: ReadonlyArray<Mutant> = [
  {
    breaks: "append loses a byte",
    caughtBy: "a dynamic segment holds what was appended, in order, also when the lib is opened again",
    storage: onWriter((writer) => ({ append: (bytes) => writer.append(bytes.subarray(0, bytes.length - 1)) }))
  },
  {
    breaks: "reads go past the end",
    caughtBy: "a read is short at the end only, and sees what is appended after the first one",
    storage: always((root) => ({
      readDynamic: (n, offset, length) =>
        Effect.map(root.readDynamic(n, offset, length), (bytes) => padded(bytes, length))
    }))
  },
  {
    breaks: "ranges come in the order of the file",
    caughtBy: "ranges come back in the order in which they were asked for, small and large ones, few and many",
    storage: always((root) => ({
      readDynamicRanges: (n, ranges) =>
        root.readDynamicRanges(
          n,
          ranges.toSorted(([a], [b]) => a - b)
        )
    }))
  },
  {
    breaks: "a write that comes up short is not gone on with",
    caughtBy: "a batch of 5 MiB goes in and comes out",
    storage: onWriter((writer) => ({ append: (bytes) => writer.append(bytes.subarray(0, 1024 * 1024)) }))
  },
  {
    breaks: "a leftover is appended to",
    caughtBy: "a leftover dynamic segment under the number is replaced",
    storage: always((root) => ({
      createDynamic: (n, bytes) =>
        Effect.flatMap(instead(root.readDynamic(n, 0, 1000), "not-found", new Uint8Array()), (left) =>
          root.createDynamic(n, joined(left, bytes))
        )
    }))
  },
  {
    breaks: "a closed writer still appends",
    caughtBy: "a writer keeps no bytes of the caller, and a closed one appends nothing",
    storage: onWriter(() => ({ close: Effect.void }))
  },
  {
    breaks: "dropDynamic fails where there is nothing",
    caughtBy: "dropping removes, also what is not there, and lets reads under way end",
    storage: always((root) => ({
      dropDynamic: (n) =>
        Effect.flatMap(root.dynamicSize(n), (size) =>
          size === undefined ? Effect.fail(failure("not-found")) : root.dropDynamic(n)
        )
    }))
  },
  {
    breaks: "numbers are listed as texts are sorted",
    caughtBy: "numbers of dynamic segments are listed in order, beyond six digits too",
    storage: always((root) => ({
      listDynamics: Effect.map(root.listDynamics, (numbers) => numbers.toSorted((a, b) => (`${a}` < `${b}` ? -1 : 1)))
    }))
  },
  {
    breaks: "what is set aside overwrites what was",
    caughtBy: "what is set aside is never overwritten, and counts for nothing else",
    storage: always((root) => ({ setAside: (name, bytes) => Effect.as(root.setAside(name, bytes), `aside/${name}`) }))
  },
  {
    breaks: "places of what is set aside are counted anew by each opening",
    caughtBy: "what is set aside is never overwritten, and counts for nothing else",
    storage: always((root) => {
      let count = 0
      return {
        setAside: (name, bytes) => Effect.map(root.setAside(name, bytes), () => `${name}-${(count += 1)}.quarantine`)
      }
    })
  },
  {
    breaks: "the hint is truncated",
    caughtBy: "the hint is overwritten in place, for readers that were there before it",
    storage: onRoot(() => {
      let length = 0
      return (root) => ({
        writeHint: (bytes) =>
          Effect.suspend(() => {
            length = bytes.length
            return root.writeHint(bytes)
          }),
        readHint: Effect.map(root.readHint, (hint) => hint?.subarray(0, length))
      })
    })
  }
]

type Append = (chunk: Uint8Array) => Effect.Effect<void, StorageError>

/** Segments whose bytes are read once and kept, until `forgets` says that they are not any more. */
const caching = (forgets: "when removed" | "when written") => (): ((root: Root) => Partial<Root>) => {
  const kept = new Map<string, Uint8Array>()
  return (root) => ({
    readSegment: (tape, segment, offset, length) =>
      Effect.suspend(() => {
        const bytes = kept.get(segment)
        if (bytes !== undefined) return Effect.succeed(bytes.slice(offset, offset + length))
        const whole = Effect.tap(root.readSegment(tape, segment, 0, 1_000_000), (read) =>
          Effect.sync(() => kept.set(segment, read))
        )
        return Effect.map(whole, (read) => read.slice(offset, offset + length))
      }),
    removeSegment: (tape, segment) =>
      Effect.suspend(() => {
        if (forgets === "when removed") kept.delete(segment)
        return root.removeSegment(tape, segment)
      }),
    writeSegment: (tape, segment, fill) =>
      Effect.suspend(() => {
        if (forgets === "when written") kept.delete(segment)
        return root.writeSegment(tape, segment, fill)
      })
  })
}

/** While one is written, listing shows it under a name that is not its own yet. */
const showingTemporary = (): ((root: Root) => Partial<Root>) => {
  const writing = new Set<string>()
  return (root) => ({
    writeSegment: (tape, segment, fill) =>
      Effect.suspend(() => {
        writing.add(`${segment}.tmp`)
        return Effect.ensuring(
          root.writeSegment(tape, segment, fill),
          Effect.sync(() => writing.delete(`${segment}.tmp`))
        )
      }),
    listSegments: (tape) => Effect.map(root.listSegments(tape), (names) => [...names, ...writing])
  })
}

/** What was appended stands under the name when `fill` fails. */
const torn = (root: Root): Partial<Root> => ({
  writeSegment: (tape, segment, fill) => {
    const chunks: Array<Uint8Array> = []
    const remember = (append: Append) => (chunk: Uint8Array) => {
      chunks.push(chunk)
      return append(chunk)
    }
    return Effect.onError(
      root.writeSegment(tape, segment, (append) => fill(remember(append))),
      () => Effect.ignore(root.writeSegment(tape, segment, (append) => Effect.forEach(chunks, append)))
    )
  }
})

/** Writers of one name share what they have appended. */
export const sharing = (bufferOf: (segment: string) => string) => (): ((root: Root) => Partial<Root>) => {
  const buffers = new Map<string, Array<Uint8Array>>()
  return (root) => ({
    writeSegment: (tape, segment, fill) =>
      Effect.gen(function* () {
        yield* root.listSegments(tape)
        const key = bufferOf(segment)
        const chunks = buffers.get(key) ?? []
        buffers.set(key, chunks)
        const value = yield* fill((chunk) => Effect.sync(() => void chunks.push(chunk.slice())))
        buffers.delete(key)
        yield* root.writeSegment(tape, segment, (append) => append(joined(...chunks)))
        return value
      })
  })
}

/** A segment without any chunk is not written. */
const noEmptyOnes = (root: Root): Partial<Root> => ({
  writeSegment: (tape, segment, fill) =>
    Effect.tap(root.writeSegment(tape, segment, fill), () =>
      Effect.flatMap(root.segmentSize(tape, segment), (size) =>
        size === 0 ? root.removeSegment(tape, segment) : Effect.void
      )
    )
})

export const segmentMutants: ReadonlyArray<Mutant> = [
  {
    breaks: "listSegments shows temporary files",
    caughtBy: "a segment is written whole, out of its chunks, and gives what fill gave",
    storage: onRoot(showingTemporary)
  },
  { breaks: "an empty segment is none", caughtBy: "an empty segment is one", storage: always(noEmptyOnes) },
  {
    breaks: "reads of segments go past the end",
    caughtBy: "a read of a segment is short at the end only, and ranges keep their order",
    storage: always((root) => ({
      readSegment: (tape, segment, offset, length) =>
        Effect.map(root.readSegment(tape, segment, offset, length), (bytes) => padded(bytes, length))
    }))
  },
  {
    breaks: "an absent segment reads as empty",
    caughtBy: "a segment that is not there is not found, and removing it succeeds",
    storage: always((root) => ({
      readSegment: (...args) => instead(root.readSegment(...args), "not-found", new Uint8Array())
    }))
  },
  {
    breaks: "a handle outlives the segment that it was of when that is replaced",
    caughtBy: "a leftover segment under the name is replaced, also for who read it before",
    storage: onRoot(caching("when removed"))
  },
  {
    breaks: "a handle outlives the segment that it was of when that is removed",
    caughtBy: "a removed segment is gone, also for who read it before, and its name can be used again",
    storage: onRoot(caching("when written"))
  },
  {
    breaks: "a torn file stays when fill fails",
    caughtBy: "when fill fails, nothing is under the name and a second try goes through",
    storage: always(torn)
  },
  {
    breaks: "a leftover is removed before the new segment is whole",
    caughtBy: "when fill is interrupted, what was under the name stays",
    storage: always((root) => ({
      writeSegment: (tape, segment, fill) =>
        Effect.andThen(root.removeSegment(tape, segment), root.writeSegment(tape, segment, fill))
    }))
  },
  {
    breaks: "writers of one name write into one file",
    caughtBy: "two writers of one segment at the same time leave one, whole",
    storage: onRoot(sharing((segment) => segment))
  },
  {
    breaks: "files are opened and never closed, until there are too many",
    caughtBy: "150 segments read the same, from many readers at once",
    storage: onRoot(() => {
      const opened = new Set<string>()
      return (root) => ({
        readSegment: (tape, segment, offset, length) =>
          Effect.suspend(() =>
            opened.add(segment).size > 128
              ? Effect.fail(failure("failed"))
              : root.readSegment(tape, segment, offset, length)
          )
      })
    })
  },
  {
    breaks: "no name is unsafe to ask the size of",
    caughtBy: "names that could lead elsewhere are no segments",
    storage: always((root) => ({
      segmentSize: (tape, segment) => instead(root.segmentSize(tape, segment), "unsafe", undefined)
    }))
  }
]

export const indexMutants: ReadonlyArray<Mutant> = [
  {
    breaks: "the first index of a segment stays",
    caughtBy: "an index is written, read in ranges, replaced, removed",
    storage: always((root) => ({
      writeIndex: (tape, segment, bytes) =>
        Effect.flatMap(root.indexSize(tape, segment), (size) =>
          size === undefined ? root.writeIndex(tape, segment, bytes) : Effect.void
        )
    }))
  },
  {
    breaks: "removeIndex fails where there is nothing",
    caughtBy: "an index that is not there is not found, and removing it succeeds",
    storage: always((root) => ({
      removeIndex: (tape, segment) =>
        Effect.flatMap(root.indexSize(tape, segment), (size) =>
          size === undefined ? Effect.fail(failure("not-found")) : root.removeIndex(tape, segment)
        )
    }))
  },
  {
    breaks: "an index is listed among the segments",
    caughtBy: "an index is no segment, and writers of one at the same time leave one whole",
    storage: onRoot(() => {
      const written = new Set<string>()
      return (root) => ({
        writeIndex: (tape, segment, bytes) =>
          Effect.tap(root.writeIndex(tape, segment, bytes), () => Effect.sync(() => written.add(`${segment}.idx`))),
        listSegments: (tape) => Effect.map(root.listSegments(tape), (names) => [...names, ...written])
      })
    })
  },
  {
    breaks: "no name is unsafe to ask the size of an index of",
    caughtBy: "names that could lead elsewhere have no index",
    storage: always((root) => ({
      indexSize: (tape, segment) => instead(root.indexSize(tape, segment), "unsafe", undefined)
    }))
  }
]

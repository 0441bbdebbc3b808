/** Broken journals, quarantines, hints, segments and derived files. */
import * as Effect from "effect/Effect"
import type { DerivedKey, Root, StorageError } from "litetapes/Storage"
import type { RootChange } from "../../support/changeRoot.ts"
import { always, failure, instead, joined, type Mutant, onRoot, onWriter, padded } from "./breaking.ts"

export const journalMutants: ReadonlyArray<Mutant> = [
  {
    breaks: "append loses a byte",
    caughtBy: "a dynamic segment holds what was appended, in order, even after the lib is opened again",
    storage: onWriter((writer) => ({ append: (bytes) => writer.append(bytes.subarray(0, bytes.length - 1)) }))
  },
  {
    breaks: "reads go past the end",
    caughtBy: "a read is short only at the end, and sees what is appended after the first read",
    storage: always((root) => ({
      journal: {
        read: (n, offset, length) => Effect.map(root.journal.read(n, offset, length), (bytes) => padded(bytes, length))
      }
    }))
  },
  {
    breaks: "ranges come in the order of the file",
    caughtBy: "ranges are returned in the order of the call, small and large ones, few and many",
    storage: always((root) => ({
      journal: {
        readRanges: (n, ranges) =>
          root.journal.readRanges(
            n,
            ranges.toSorted(([a], [b]) => a - b)
          )
      }
    }))
  },
  {
    breaks: "a short write is not continued",
    caughtBy: "a batch of 5 MiB is read as it was appended",
    storage: onWriter((writer) => ({ append: (bytes) => writer.append(bytes.subarray(0, 1024 * 1024)) }))
  },
  {
    breaks: "a leftover is appended to",
    caughtBy: "a leftover dynamic segment under the number is replaced",
    storage: always((root) => ({
      journal: {
        create: (n, bytes) =>
          Effect.flatMap(instead(root.journal.read(n, 0, 1000), "not-found", new Uint8Array()), (left) =>
            root.journal.create(n, joined(left, bytes))
          )
      }
    }))
  },
  {
    breaks: "a closed writer still appends",
    caughtBy: "a writer keeps no bytes of the caller, and a closed writer appends nothing",
    storage: onWriter(() => ({ close: Effect.void }))
  },
  {
    breaks: "journal.drop fails if there is nothing to drop",
    caughtBy: "dropping removes a dynamic segment, even one that does not exist, and lets running reads finish",
    storage: always((root) => ({
      journal: {
        drop: (n) =>
          Effect.flatMap(root.journal.size(n), (size) =>
            size === undefined ? Effect.fail(failure("not-found")) : root.journal.drop(n)
          )
      }
    }))
  },
  {
    breaks: "numbers are sorted as strings",
    caughtBy: "numbers of dynamic segments are listed in order, beyond six digits too",
    storage: always((root) => ({
      journal: {
        list: Effect.map(root.journal.list, (numbers) => numbers.toSorted((a, b) => (`${a}` < `${b}` ? -1 : 1)))
      }
    }))
  },
  {
    breaks: "quarantined bytes overwrite earlier ones",
    caughtBy: "quarantined bytes are never overwritten, and are not taken for anything else",
    storage: always((root) => ({
      quarantine: {
        keep: (name, bytes) => Effect.as(root.quarantine.keep(name, bytes), `aside/${name}`)
      }
    }))
  },
  {
    breaks: "each opening counts the places of quarantined bytes anew",
    caughtBy: "quarantined bytes are never overwritten, and are not taken for anything else",
    storage: always((root) => {
      let count = 0
      return {
        quarantine: {
          keep: (name, bytes) =>
            Effect.map(root.quarantine.keep(name, bytes), () => `${name}-${(count += 1)}.quarantine`)
        }
      }
    })
  },
  {
    breaks: "the hint is truncated",
    caughtBy: "the hint is overwritten in place, even for readers that were opened before",
    storage: onRoot(() => {
      let length = 0
      return (root) => ({
        hint: {
          write: (bytes) =>
            Effect.suspend(() => {
              length = bytes.length
              return root.hint.write(bytes)
            }),
          read: Effect.map(root.hint.read, (hint) => hint?.subarray(0, length))
        }
      })
    })
  }
]

type Append = (chunk: Uint8Array) => Effect.Effect<void, StorageError>

/** Caches the bytes of segments until they are removed or written, as `forgets` says. */
const caching = (forgets: "when removed" | "when written") => (): ((root: Root) => RootChange) => {
  const kept = new Map<string, Uint8Array>()
  return (root) => ({
    segments: {
      read: (tape, segment, offset, length) =>
        Effect.suspend(() => {
          const bytes = kept.get(segment)
          if (bytes !== undefined) return Effect.succeed(bytes.slice(offset, offset + length))
          const whole = Effect.tap(root.segments.read(tape, segment, 0, 1_000_000), (read) =>
            Effect.sync(() => kept.set(segment, read))
          )
          return Effect.map(whole, (read) => read.slice(offset, offset + length))
        }),
      remove: (tape, segment) =>
        Effect.suspend(() => {
          if (forgets === "when removed") kept.delete(segment)
          return root.segments.remove(tape, segment)
        }),
      write: (tape, segment, fill) =>
        Effect.suspend(() => {
          if (forgets === "when written") kept.delete(segment)
          return root.segments.write(tape, segment, fill)
        })
    }
  })
}

/** Lists a segment under a temporary name while it is written. */
const showingTemporary = (): ((root: Root) => RootChange) => {
  const writing = new Set<string>()
  return (root) => ({
    segments: {
      write: (tape, segment, fill) =>
        Effect.suspend(() => {
          writing.add(`${segment}.tmp`)
          return Effect.ensuring(
            root.segments.write(tape, segment, fill),
            Effect.sync(() => writing.delete(`${segment}.tmp`))
          )
        }),
      list: (tape) => Effect.map(root.segments.list(tape), (names) => [...names, ...writing])
    }
  })
}

/** Keeps the appended bytes under the name if `fill` fails. */
const torn = (root: Root): RootChange => ({
  segments: {
    write: (tape, segment, fill) => {
      const chunks: Array<Uint8Array> = []
      const remember = (append: Append) => (chunk: Uint8Array) => {
        chunks.push(chunk)
        return append(chunk)
      }
      return Effect.onError(
        root.segments.write(tape, segment, (append) => fill(remember(append))),
        () => Effect.ignore(root.segments.write(tape, segment, (append) => Effect.forEach(chunks, append)))
      )
    }
  }
})

/** Lets writers of one name share their appended bytes. */
export const sharing = (bufferOf: (segment: string) => string) => (): ((root: Root) => RootChange) => {
  const buffers = new Map<string, Array<Uint8Array>>()
  return (root) => ({
    segments: {
      write: (tape, segment, fill) =>
        Effect.gen(function* () {
          yield* root.segments.list(tape)
          const key = bufferOf(segment)
          const chunks = buffers.get(key) ?? []
          buffers.set(key, chunks)
          const value = yield* fill((chunk) => Effect.sync(() => void chunks.push(chunk.slice())))
          buffers.delete(key)
          yield* root.segments.write(tape, segment, (append) => append(joined(...chunks)))
          return value
        })
    }
  })
}

/** Writes no segment that has no chunks. */
const noEmptyOnes = (root: Root): RootChange => ({
  segments: {
    write: (tape, segment, fill) =>
      Effect.tap(root.segments.write(tape, segment, fill), () =>
        Effect.flatMap(root.segments.size(tape, segment), (size) =>
          size === 0 ? root.segments.remove(tape, segment) : Effect.void
        )
      )
  }
})

export const segmentMutants: ReadonlyArray<Mutant> = [
  {
    breaks: "segments.list shows temporary files",
    caughtBy: "a segment is written whole, from its chunks, and returns what fill returned",
    storage: onRoot(showingTemporary)
  },
  { breaks: "an empty segment is not written", caughtBy: "a segment may be empty", storage: always(noEmptyOnes) },
  {
    breaks: "reads of segments go past the end",
    caughtBy: "a read of a segment is short only at the end, and ranges keep their order",
    storage: always((root) => ({
      segments: {
        read: (tape, segment, offset, length) =>
          Effect.map(root.segments.read(tape, segment, offset, length), (bytes) => padded(bytes, length))
      }
    }))
  },
  {
    breaks: "a missing segment reads as empty",
    caughtBy: "a segment that does not exist is not found, and removing it succeeds",
    storage: always((root) => ({
      segments: {
        read: (...args) => instead(root.segments.read(...args), "not-found", new Uint8Array())
      }
    }))
  },
  {
    breaks: "an older segment is removed before the new one is written",
    caughtBy: "a segment can be written again from its own bytes, and is replaced whole",
    storage: always((root) => ({
      segments: {
        write: (tape, segment, fill) =>
          Effect.andThen(root.segments.remove(tape, segment), root.segments.write(tape, segment, fill))
      }
    }))
  },
  {
    breaks: "a handle is still used after its segment was replaced",
    caughtBy: "a leftover segment under the name is replaced, even for readers that have read it",
    storage: onRoot(caching("when removed"))
  },
  {
    breaks: "a handle is still used after its segment was removed",
    caughtBy: "a removed segment is gone, even for readers that have read it, and its name can be used again",
    storage: onRoot(caching("when written"))
  },
  {
    breaks: "a torn file stays if `fill` fails",
    caughtBy: "if fill fails, there is nothing under the name, and a second attempt succeeds",
    storage: always(torn)
  },
  {
    breaks: "a leftover is removed before the new segment is whole",
    caughtBy: "if fill is interrupted, an older segment under the name stays",
    storage: always((root) => ({
      segments: {
        write: (tape, segment, fill) =>
          Effect.andThen(root.segments.remove(tape, segment), root.segments.write(tape, segment, fill))
      }
    }))
  },
  {
    breaks: "writers of one name write into one file",
    caughtBy: "two concurrent writers of one segment leave one of their segments, whole",
    storage: onRoot(sharing((segment) => segment))
  },
  {
    breaks: "files are opened and never closed, until too many are open",
    caughtBy: "150 segments are read correctly, by many readers at the same time",
    storage: onRoot(() => {
      const opened = new Set<string>()
      return (root) => ({
        segments: {
          read: (tape, segment, offset, length) =>
            Effect.suspend(() =>
              opened.add(segment).size > 128
                ? Effect.fail(failure("failed"))
                : root.segments.read(tape, segment, offset, length)
            )
        }
      })
    })
  },
  {
    breaks: "no segment name is refused as unsafe by size",
    caughtBy: "names that could lead elsewhere are refused for segments",
    storage: always((root) => ({
      segments: {
        size: (tape, segment) => instead(root.segments.size(tape, segment), "unsafe", undefined)
      }
    }))
  }
]

/** Returns the file of a key as one string. */
const pathOf = ({ tape, kind, name }: DerivedKey) => `${tape}/${kind}/${name}`

/** Caches the bytes of derived files that are read in ranges. */
const keepingRanges = (): ((root: Root) => RootChange) => {
  const kept = new Map<string, Array<Uint8Array>>()
  return (root) => ({
    derived: {
      getRanges: (key, ranges) =>
        Effect.suspend(() => {
          const known = kept.get(pathOf(key))
          if (known !== undefined) return Effect.succeed(known)
          return Effect.tap(root.derived.getRanges(key, ranges), (found) =>
            Effect.sync(() => void (found !== undefined && kept.set(pathOf(key), found)))
          )
        })
    }
  })
}

export const derivedMutants: ReadonlyArray<Mutant> = [
  {
    breaks: "ranges of a derived file come in the order of the file",
    caughtBy: "a derived file of a tape or of the lib is read whole and in ranges, even after the lib is opened again",
    storage: always((root) => ({
      derived: {
        getRanges: (key, ranges) =>
          root.derived.getRanges(
            key,
            ranges.toSorted(([a], [b]) => a - b)
          )
      }
    }))
  },
  {
    breaks: "an empty derived file is not written",
    caughtBy: "a derived file of a tape or of the lib is read whole and in ranges, even after the lib is opened again",
    storage: always((root) => ({
      derived: {
        put: (key, bytes) => (bytes.length === 0 ? root.derived.delete(key) : root.derived.put(key, bytes))
      }
    }))
  },
  {
    breaks: "the first derived file of a name is never replaced",
    caughtBy: "a derived file replaces the older one whole, even for readers that have read the older one",
    storage: always((root) => ({
      derived: {
        put: (key, bytes) =>
          Effect.flatMap(root.derived.size(key), (size) =>
            size === undefined ? root.derived.put(key, bytes) : Effect.void
          )
      }
    }))
  },
  {
    breaks: "a handle is still used after its derived file was replaced",
    caughtBy: "a derived file replaces the older one whole, even for readers that have read the older one",
    storage: onRoot(keepingRanges)
  },
  {
    breaks: "reading a missing derived file is an error",
    caughtBy: "reading a derived file that does not exist has an answer, and deleting it succeeds",
    storage: always((root) => ({
      derived: {
        getRanges: (key, ranges) =>
          Effect.flatMap(root.derived.getRanges(key, ranges), (found) =>
            found === undefined ? Effect.fail(failure("not-found")) : Effect.succeed(found)
          )
      }
    }))
  },
  {
    breaks: "a missing derived file reads as empty",
    caughtBy: "reading a derived file that does not exist has an answer, and deleting it succeeds",
    storage: always((root) => ({
      derived: {
        get: (key, bytesMax) => Effect.map(root.derived.get(key, bytesMax), (found) => found ?? new Uint8Array())
      }
    }))
  },
  {
    breaks: "deleting a missing derived file fails",
    caughtBy: "reading a derived file that does not exist has an answer, and deleting it succeeds",
    storage: always((root) => ({
      derived: {
        delete: (key) =>
          Effect.flatMap(root.derived.size(key), (size) =>
            size === undefined ? Effect.fail(failure("not-found")) : root.derived.delete(key)
          )
      }
    }))
  },
  {
    breaks: "derived files are listed with those of kinds that begin alike",
    caughtBy: "derived files are listed by tape and kind, sorted, and in no other list",
    storage: always((root) => ({
      derived: {
        list: (tape, kind) =>
          kind === "index"
            ? Effect.zipWith(root.derived.list(tape, kind), root.derived.list(tape, "index-old"), (names, others) => [
                ...names,
                ...others
              ])
            : root.derived.list(tape, kind)
      }
    }))
  },
  {
    breaks: "kinds are not distinguished",
    caughtBy: "derived files are listed by tape and kind, sorted, and in no other list",
    storage: always((root) => ({
      derived: {
        put: (key, bytes) => root.derived.put({ ...key, kind: "any" }, bytes),
        get: (key, bytesMax) => root.derived.get({ ...key, kind: "any" }, bytesMax),
        list: (tape) => root.derived.list(tape, "any"),
        delete: (key) => root.derived.delete({ ...key, kind: "any" })
      }
    }))
  },
  {
    breaks: "a derived file is listed among the segments",
    caughtBy: "derived files are listed by tape and kind, sorted, and in no other list",
    storage: onRoot(() => {
      const written = new Set<string>()
      return (root) => ({
        derived: {
          put: (key, bytes) => Effect.tap(root.derived.put(key, bytes), () => Effect.sync(() => written.add(key.name)))
        },
        segments: { list: (tape) => Effect.map(root.segments.list(tape), (names) => [...names, ...written]) }
      })
    })
  },
  {
    breaks: "a derived file of any size is read",
    caughtBy: "a derived file is not read if it is larger than its reader accepts",
    storage: always((root) => ({ derived: { get: (key) => root.derived.get(key, Number.MAX_SAFE_INTEGER) } }))
  },
  {
    breaks: "readers find no derived files",
    caughtBy: "a reader reads derived files, and cannot write them",
    storage: always((root) => (root.mode === "read" ? { derived: { get: () => Effect.succeed(undefined) } } : {}))
  },
  {
    breaks: "readers delete derived files",
    caughtBy: "a reader reads derived files, and cannot write them",
    storage: always((root) => (root.mode === "read" ? { derived: { delete: () => Effect.void } } : {}))
  },
  {
    breaks: "no derived file name is refused as unsafe by size",
    caughtBy: "names that could lead elsewhere are refused for derived files",
    storage: always((root) => ({
      derived: { size: (key) => instead(root.derived.size(key), "unsafe", undefined) }
    }))
  },
  {
    breaks: "no kind is refused as unsafe by list",
    caughtBy: "names that could lead elsewhere are refused for derived files",
    storage: always((root) => ({
      derived: { list: (tape, kind) => instead(root.derived.list(tape, kind), "unsafe", []) }
    }))
  }
]

/** Mutants of what is recognised as a repeat. */
import type { Mutant } from "./mutant.ts"

const event = "domain/event/Event.ts"
const encoder = "domain/event/eventEncoder.ts"
const request = "services/streams/AppendRequest.ts"

export const repeats: ReadonlyArray<Mutant> = [
  {
    name: "metadata-decides-repeats",
    breaks: "A retry with other metadata is refused as another event.",
    edits: [
      {
        file: event,
        find: `export const content = ({ data, tags, type }: RecordedEvent, limits: Limits): string =>
  [type, data, tags].map((value) => TaraSON.encodeValue(value, limits)).join("\\n")`,
        replace: `export const content = ({ data, id, metadata, tags, type }: RecordedEvent, limits: Limits): string => {
  const text = (value: unknown) => TaraSON.encodeValue(value, limits)
  return [text(type), \`\${text(data)},"id":\${text(id)},"metadata":\${text(metadata)}\`, text(tags)].join("\\n")
}`
      },
      {
        file: encoder,
        find: "text(typeEnd + keys.data.length, dataEnd)",
        replace: "text(typeEnd + keys.data.length, Math.max(dataEnd, this.#places.headEnd - keys.position.length))"
      }
    ],
    histories: [["events"], ["events", "events", "events"], ["events", "flush", "events"]],
    before: ["datasync"]
  },
  {
    name: "durable-ids-forgotten",
    breaks: "A retry is recognised only while the batch of the first append is pending.",
    edits: [
      {
        file: request,
        find: "entry.found.get(id) ?? entry.state.acceptedWith(id)",
        replace: "entry.state.acceptedWith(id)"
      }
    ],
    histories: [["events"], ["events", "events", "events"], ["events", "flush", "events"]],
    before: ["datasync"]
  },
  {
    name: "commands-looked-up-by-events-only",
    breaks: "A command that is retried with fewer events than the first time is not recognised.",
    edits: [
      {
        file: "services/streams/findIds.ts",
        find: "if (last !== undefined && !entry.found.has(last.id)) return",
        replace: "if (last === undefined || !entry.found.has(last.id)) return"
      }
    ],
    histories: [["events"], ["events", "events", "events"], ["events", "flush", "events"]],
    before: ["datasync"]
  }
]

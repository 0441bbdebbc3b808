/** A history with everything that makes one hard to read, and the streams that must result from it. */
import type { Scene } from "./demoRepository.ts"

const ada = "Ada 'Quote' \"Double\" <ada@example.com>"
const unnamed = " <>"
const lines = (count: number): string => Array.from({ length: count }, (_, n) => `line ${n}\n`).join("")
const long = `${"deep/".repeat(120)}end.txt`

export const nastyHistory: ReadonlyArray<Scene> = [
  { author: ada, at: "2024-02-29T23:59:59Z", message: "" },
  {
    author: ada,
    at: "2024-03-01T00:00:00Z",
    message: "Names\n\nwith a body\n:100644 100644 looks like a change",
    write: [
      ["with space.txt", lines(20)],
      ['quote".txt', "1\n"],
      ["tab\tand\nnewline", "2\n"],
      [":100644 colon", "3\n"],
      ["-\t-\tdash", "4\n"],
      ["\u0001control", "5\n"],
      ["100% grün 🎞", "6\n"],
      [Buffer.from([0x62, 0xff, 0x61, 0x64]), "7\n"],
      [Buffer.from([0x62, 0xfe, 0x61, 0x64]), "8\n"],
      ["nonchar\uffff", "9\n"],
      ["-dash first", "10\n"],
      [long, "11\n"],
      ["binary.bin", Buffer.from([0, 1, 2, 0, 255])],
      ["empty", ""]
    ]
  },
  {
    author: unnamed,
    at: "2024-03-02T00:00:00Z",
    message: `${"Very long subject ".repeat(100)}\ud83d`,
    rename: [["with space.txt", 'folder "new"/with\ttab.txt']],
    write: [["binary.bin", Buffer.from([0, 1, 2, 0, 254, 3])]]
  },
  // The same commit adds an unrelated file under the old name.
  {
    author: ada,
    at: "2024-03-03T00:00:00Z",
    message: "Moved, and replaced",
    rename: [['quote".txt', "moved.txt"]],
    write: [["with space.txt", "another file\n"]]
  },
  { author: ada, at: "2024-03-04T00:00:00Z", message: "On a branch", after: 2, write: [["branch.txt", "b\n"]] },
  // Merges the main line of history into that of the branch.
  {
    author: unnamed,
    at: "2024-03-05T00:00:00Z",
    message: "Merge\u001b[31m",
    after: 3,
    merges: 4,
    write: [["branch.txt", "b\n"]]
  },
  { author: ada, at: "2024-03-06T00:00:00Z", message: "Gone", remove: ["empty", "tab\tand\nnewline"] }
]

/** Streams of files that must result, each with the types of its events. */
export const nastyStreams: ReadonlyArray<readonly [stream: string | RegExp, types: string]> = [
  ["file-with space.txt", "FileAdded FileRenamed FileAdded"],
  ['file-folder "new"/with%09tab.txt', "FileRenamed"],
  ['file-quote".txt', "FileAdded FileRenamed"],
  ["file-moved.txt", "FileRenamed"],
  ["file-tab%09and%0Anewline", "FileAdded FileDeleted"],
  ["file-:100644 colon", "FileAdded"],
  ["file--%09-%09dash", "FileAdded"],
  ["file-%01control", "FileAdded"],
  ["file-100%25 grün 🎞", "FileAdded"],
  [/^file-b\ufffdad~[0-9a-f]{16}$/, "FileAdded"],
  [/^file-nonchar\ufffd~[0-9a-f]{16}$/, "FileAdded"],
  ["file--dash first", "FileAdded"],
  [/^file-(deep\/)+~[0-9a-f]{16}$/, "FileAdded"],
  ["file-binary.bin", "FileAdded FileChanged"],
  ["file-empty", "FileAdded FileDeleted"],
  ["file-branch.txt", "FileAdded"]
]

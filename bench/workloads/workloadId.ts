/** The workloads by their names in the table. */
export type WorkloadId =
  | "W1"
  | "W1 expected"
  | "W2"
  | "W3"
  | "W3 adjacent"
  | "W4"
  | "W5"
  | "W6"
  | "W6 cold"
  | "W7 files"
  | "W7 verify"
  | "W7 repack"

/**
 * The class of each error of appending, reading, following and consuming events: what its caller can do about it. A
 * type-level test checks that every such error has a class, so a new error must be added here.
 */

/** What the caller of a failed append or read can do. */
export type ErrorClass = "conflict" | "retryable" | "fatal"

/** Classes by the tag of the error. An error that is not listed is fatal. */
export const errorClasses = {
  // Somebody else was faster. Read again, decide again.
  ConditionFailed: "conflict",
  WrongExpectedRevision: "conflict",

  // The call is correct, and may succeed once something around it has changed.
  CommitOutcomeUnknown: "retryable", // only with the same event ids
  WriterPoisoned: "retryable", // once the lib was opened again
  LibClosed: "retryable", // while it is being opened again
  ReaderBusy: "retryable",
  StorageError: "retryable", // the disk, its permissions, the number of open files
  LibLocked: "retryable", // until the other writer closes it
  TapeExists: "retryable", // the tape of the stream is being created
  WriterUnreachable: "retryable", // until a process becomes the writer
  ConsumerClaimed: "retryable", // until the other run of the consumer ends

  // The call must be corrected: name, data, size, or the lib that it is for.
  BatchTooLarge: "fatal",
  CheckpointNotIncreased: "fatal", // the event is done
  CheckpointsNeedWriter: "fatal", // keep the checkpoint in another store
  ClockOutOfRange: "fatal",
  EventIdConflict: "fatal",
  EventSchemaError: "fatal",
  InvalidArgument: "fatal",
  InvalidEvent: "fatal",
  InvalidSettings: "fatal",
  InvalidStreamName: "fatal",
  InvalidTapeName: "fatal",
  LibExists: "fatal",
  LibIsBackup: "fatal",
  LibNotFound: "fatal",
  ReadOnly: "fatal",
  SettingsMismatch: "fatal",
  SubjectForgotten: "fatal", // nothing may be stored of the subject, unless its keys are renewed
  TapeArchived: "fatal",
  TapeNotForEvents: "fatal",
  TapeNotFound: "fatal",
  TaraSONError: "fatal",

  // The handler, or the program that runs the consumer, must be corrected.
  ConsumerStopped: "fatal", // the program must run it again
  HandlerFailed: "fatal",
  NewerConsumer: "fatal",
  NotParked: "fatal",

  // The files must be restored, recovered, or the loss accepted.
  AckedDataLost: "fatal",
  BackupUnfinished: "fatal",
  CheckpointLost: "fatal",
  CheckpointInvalid: "fatal",
  DecompressionLimit: "fatal",
  DynamicCorrupt: "fatal",
  EpochRegression: "fatal",
  EventsLost: "fatal",
  ForkDetected: "fatal",
  IdentityMismatch: "fatal",
  InvalidSegmentName: "fatal",
  LibInvalid: "fatal",
  MetaCorrupt: "fatal",
  MetaInvalid: "fatal",
  NotInHistory: "fatal",
  PositionGap: "fatal",
  SegmentCorrupt: "fatal",
  SegmentMissing: "fatal",
  TapeInvalid: "fatal",
  UnsupportedFormat: "fatal"
} as const satisfies { readonly [tag: string]: ErrorClass }

/** Tags of the errors that have a class. */
export type ErrorTag = keyof typeof errorClasses

/** Tags of the errors of a class. */
export type TagOf<Class extends ErrorClass> = {
  [Tag in ErrorTag]: (typeof errorClasses)[Tag] extends Class ? Tag : never
}[ErrorTag]

const byTag: ReadonlyMap<unknown, ErrorClass> = new Map(Object.entries(errorClasses))

/** Returns the class of an error. Everything else that may be thrown is fatal. */
export const classOf = (error: unknown): ErrorClass =>
  (error instanceof Error && "_tag" in error ? byTag.get(error._tag) : undefined) ?? "fatal"

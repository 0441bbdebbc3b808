/** The key of an event's metadata that holds the version of its type, which only categories set. */
export const versionKey = "schemaVersion"

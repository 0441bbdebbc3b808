/** Apart from the roles, so that the types of a program that opens a shared lib need no types of sockets. */
import type { ReaderBusy } from "../../domain/format/Errors.ts"
import type { WriterUnreachable } from "../../domain/format/WriterUnreachable.ts"
import type { OpenError } from "../../services/lib/OpenError.ts"

/** Errors of opening a shared lib. */
export type OpenSharedError = OpenError | ReaderBusy | WriterUnreachable

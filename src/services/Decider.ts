/**
 * Deciders turn a command and the state of an aggregate into events. `handle` loads the state, decides, appends at the
 * revision that it decided on, and decides again if another append was faster.
 *
 * @example
 * ```ts
 * const Withdrawals = Decider.make({
 *   name: "withdrawals",
 *   category: Account,
 *   initialState: () => 0,
 *   evolve: (cents, event) => (event.type === "Deposited" ? cents + event.data.cents : cents - event.data.cents),
 *   decide: (command: { readonly cents: number }, cents) =>
 *     cents < command.cents ? new InsufficientFunds() : { type: "Withdrawn", data: { cents: command.cents } }
 * })
 * const { revision, state } = yield* Decider.handle(Withdrawals, "17", { cents: 500 })
 * ```
 *
 * @see `litetapes/Category` for the types of events
 */
import * as Effect from "effect/Effect"
import type * as Schedule from "effect/Schedule"
import type * as Schema from "effect/Schema"
import type * as Stream from "effect/Stream"
import { refuseWrongOptions } from "../domain/format/checkOptions.ts"
import type { EventSchemaError } from "../domain/event/EventErrors.ts"
import { InvalidArgument } from "../domain/format/Errors.ts"
import type { Category, EventOf, StoredType } from "./Category.ts"
import { EventCodec } from "./category/EventCodec.ts"
import { missing, optionChecks } from "./deciders/definition.ts"
import { madeDeciders, Snapshots, typesOf } from "./deciders/Snapshot.ts"
import { type Aggregate, handleCommands, stateOf } from "./handleCommands.ts"
import type {
  AppendCheckpoint,
  EventAppendError,
  EventStore,
  FindCommandError,
  NewEvent,
  StreamReadError
} from "./EventStore.ts"
import type { New, Plain } from "./EventUnions.ts"
import type { StorageError } from "./ports/Storage.ts"

/** A category of any events. */
export interface AnyCategory {
  /** Name of the category. */
  readonly name: string
  /** Returns the names and versions in which its events may be stored. */
  readonly storedTypes: () => ReadonlyArray<Pick<StoredType, "name" | "type" | "version">>
  /** Returns the name of an aggregate's stream. */
  readonly stream: (id: string) => string
  /** Whether fields of its events are encrypted. */
  readonly isErasable?: boolean
  /** Encodes an event to append. */
  readonly encode: (event: never) => Effect.Effect<NewEvent, EventSchemaError | StorageError>
  /** Reads the events of an aggregate. */
  readonly read: (
    id: string,
    options?: { readonly from?: number }
  ) => Stream.Stream<unknown, StreamReadError | EventSchemaError, EventStore>
}

/** Events of a category `C` as a decision returns them: those of `Category.NewOf`, whose metadata may be given later. */
export type Decided<C> = C extends Category<infer S, infer _, infer M> ? New<S, Partial<M>> : never

/** Metadata that the events of a command share. */
export type MetadataOf<C> = C extends Category<infer _, infer _2, infer M> ? Partial<M> : never

/** A decision: events, one event, nothing, or the reason why the command is rejected. */
type Plainly<C> = Decided<C> | ReadonlyArray<Decided<C>> | Error | void

/** What `decide` may return: a decision, or an effect of one. */
export type Decision<C> = Plainly<C> | Effect.Effect<Plainly<C>, unknown, unknown>

/** Why a decision of type `D` rejects a command. */
export type RejectionOf<D> = D extends Error
  ? D
  : D extends Effect.Effect<infer A, infer E, infer _>
    ? E | (A extends Error ? A : never)
    : never

/** Services that a decision of type `D` needs. */
export type ServicesOf<D> = D extends Effect.Effect<infer _, infer _2, infer R> ? R : never

/** Options of a decider. */
export interface Options<C extends AnyCategory, State, Command, D> {
  /** Names its snapshots. */
  readonly name: string
  /** The category of its aggregates. */
  readonly category: C
  /** Increase it when `evolve`, `initialState` or the schema of the state changes: older snapshots are then ignored. Default: 1. */
  readonly version?: number
  /** Returns the state of an aggregate without events. */
  readonly initialState: () => State
  /** Returns the state after an event. Must depend on nothing else. */
  readonly evolve: (state: State, event: EventOf<C>) => NoInfer<State>
  /**
   * Decides on a command. Returns events, one event or nothing, or an effect of these. To reject the command it returns
   * an `Error`, or an effect that fails. It is called again after a conflict, and must not change the state.
   */
  readonly decide: (command: Command, state: State) => D
  /**
   * Number of states that a writer keeps in memory; 0 for none. If fields of the category are encrypted, it keeps none: a state
   * would still hold what was decrypted after its subject was forgotten. Default: 1000.
   */
  readonly cache?: number
  /**
   * When states are written into derived files, so that they need not be folded from the first event on. Refused if fields of the
   * category are encrypted. Default: never.
   */
  readonly snapshot?: {
    /** Number of events after which the next snapshot is written. */
    readonly every: number
    /** Schema of the state. It must have a JSON form. */
    readonly state: Schema.Codec<NoInfer<State>, unknown>
  }
}

/** A decider. `E` is what it rejects commands with, `R` the services that it needs. */
export interface Decider<C extends AnyCategory, State, Command, E = never, R = never> {
  /** Its name. */
  readonly name: string
  /** The category of its aggregates. */
  readonly category: C
  /** The options that it was made with. To change a decider, make another one from these. */
  readonly options: Options<C, State, Command, Plainly<C> | E | Effect.Effect<Plainly<C> | E, E, R>>
}

/**
 * Makes a decider.
 *
 * @throws InvalidArgument for an option that is not known, is missing, or has a value that it cannot have
 */
export const make = <C extends AnyCategory, State, Command, const D extends Decision<C>>(
  options: Options<C, State, Command, D>
): Decider<C, State, Command, RejectionOf<D>, ServicesOf<D>> => {
  refuseWrongOptions("Decider.make", options, optionChecks)
  const error = missing(options)
  if (error !== undefined) throw error
  const { category, name, snapshot, version = 1 } = options
  if (snapshot !== undefined && category.isErasable === true) throw snapshotsOfErasable(category.name)
  const made = { name, category, options } as unknown as Decider<C, State, Command, RejectionOf<D>, ServicesOf<D>>
  const snapshots =
    snapshot === undefined
      ? undefined
      : new Snapshots(name, version, typesOf(category.storedTypes()), new EventCodec(snapshot.state))
  madeDeciders.set(made, { snapshots })
  return made
}

const snapshotsOfErasable = (category: string): InvalidArgument => {
  const why = `must be left out: fields of category ${category} are encrypted, and a snapshot would keep what they hold after their subject was forgotten`
  return new InvalidArgument({ call: "Decider.make", argument: "options.snapshot", why })
}

/** How to handle a command. */
export interface HandleOptions<C> {
  /**
   * Id of the command, so that it is done once even if it is repeated: a repeat gets the first result. The events must
   * have no ids of their own. A repeat of a command that made no events is not recognised. Default: none; an explicit
   * `undefined` is refused.
   */
  readonly commandId?: string
  /**
   * Checkpoint of a consumer, as in `AppendOptions`: it is committed with the events, or alone if nothing is decided.
   * So a process manager handles an event exactly once. Fails with `CheckpointNotIncreased` if the event is done; a
   * rejection commits nothing. A repeated command commits it if it is missing. Default: none; an explicit `undefined`
   * is refused.
   */
  readonly checkpoint?: AppendCheckpoint
  /** How often to decide again after a conflict, or a schedule of pauses. Default: 2, which makes three tries. */
  readonly retry?: number | Schedule.Schedule<unknown>
  /** Metadata of each event. The event's own metadata takes precedence. */
  readonly metadata?: MetadataOf<C>
  /** Tags of each event, in addition to its own. */
  readonly tags?: ReadonlyArray<string>
  /** Set in the metadata of each event: an id that related events share. */
  readonly correlationId?: string
  /** Set in the metadata of each event: id of the event or command that caused it. */
  readonly causationId?: string
  /**
   * Whether a decision without events, and a rejection, also goes through the commit loop, which checks the revision and that
   * no other writer has taken over. Costs no sync. Default: false.
   */
  readonly enforce?: boolean
}

/** The result of a command. */
export type Handled<C, State> =
  C extends Category<infer S, infer R, infer _>
    ? {
        /** Events that were appended, as a read returns them; empty if nothing was decided. */
        readonly events: ReadonlyArray<Plain<S> | Plain<R>>
        /** State of the aggregate after them. Must not be changed: later commands may be decided on it. */
        readonly state: State
        /** Last revision of the stream; −1 if it has no events. */
        readonly revision: number
        /** Position of the last event that was appended; absent if nothing was appended. */
        readonly position?: number
        /** Whether the command was done before and has made these events, so that this is its first result. */
        readonly repeated: boolean
      }
    : never

/** Why a command could not be handled, besides a rejection. `WrongExpectedRevision`: each try met a conflict. */
export type HandleError = EventAppendError | EventSchemaError | StreamReadError | FindCommandError

/**
 * Handles a command: loads the state of an aggregate, decides, and appends the events durably, at the revision that the
 * decision rests on.
 *
 * Commands for one stream are handled one after the other. A current state in memory costs no read; an older one costs
 * a read of the newer events. Fails with the rejection of `decide`, or as an append does.
 *
 * @example
 * ```ts
 * const withdrawn = Decider.handle(Withdrawals, "17", { cents: 500 }, { commandId: request.id })
 * ```
 */
export const handle = <C extends AnyCategory, State, Command, E, R>(
  decider: Decider<C, State, Command, E, R>,
  id: string,
  command: NoInfer<Command>,
  options?: HandleOptions<NoInfer<C>>
): Effect.Effect<Handled<C, State>, E | HandleError, EventStore | R> =>
  Effect.map(
    handleCommands("Decider.handle", [aggregateOf(decider, id, command)], options),
    ([outcome]) => outcome as Handled<C, State>
  ) as Effect.Effect<Handled<C, State>, E | HandleError, EventStore | R>

/** A command for one aggregate, to be handled together with others. */
export interface Addressed<C, State, E, R> {
  /** Decides on it. */
  readonly decider: { readonly name: string; readonly category: C }
  /** Id of the aggregate. */
  readonly id: string
  /** The command. */
  readonly command: unknown
  /** Only for the compiler; it is never there. */
  readonly types?: { readonly state: State; readonly error: E; readonly services: R }
}

/** Addresses a command to an aggregate, for `handleAll`. */
export const to = <C extends AnyCategory, State, Command, E, R>(
  decider: Decider<C, State, Command, E, R>,
  id: string,
  command: NoInfer<Command>
): Addressed<C, State, E, R> => ({ decider, id, command })

/** A command for an aggregate of any decider. */
export type AnyAddressed = Addressed<AnyCategory, unknown, unknown, unknown>

/** The results of `handleAll`, in the order of its commands. */
export type AllHandled<T extends ReadonlyArray<unknown>> = {
  readonly [Index in keyof T]: T[Index] extends Addressed<infer C, infer State, infer _, infer _2>
    ? Handled<C, State>
    : never
}

/** What the decider of a command of `handleAll` rejects it with. */
export type RejectionTo<A> = A extends Addressed<infer _, infer _2, infer E, infer _3> ? E : never

/** Services that the decider of a command of `handleAll` needs. */
export type ServicesTo<A> = A extends Addressed<infer _, infer _2, infer _3, infer R> ? R : never

/**
 * Handles commands for several aggregates as one: each decider decides on the state of its aggregate, and all events
 * are appended as one atomic batch, if no stream has changed since its state was loaded. If one command is rejected,
 * nothing is appended. After a conflict all are decided again. An aggregate may occur only once.
 *
 * @example
 * ```ts
 * const [from, to] = yield* Decider.handleAll([
 *   Decider.to(Withdrawals, "17", { cents: 500 }),
 *   Decider.to(Deposits, "18", { cents: 500 })
 * ])
 * ```
 */
export const handleAll = <const T extends ReadonlyArray<AnyAddressed>>(
  commands: T,
  options?: HandleOptions<T[number]["decider"]["category"]>
): Effect.Effect<AllHandled<T>, RejectionTo<T[number]> | HandleError, EventStore | ServicesTo<T[number]>> =>
  handleCommands("Decider.handleAll", commands, options) as unknown as Effect.Effect<
    AllHandled<T>,
    RejectionTo<T[number]> | HandleError,
    EventStore | ServicesTo<T[number]>
  >

/** The state of an aggregate, and the last revision of its stream; −1 if it has no events. */
export type Loaded<State> = [State] extends [unknown] ? { readonly state: State; readonly revision: number } : never

/**
 * Returns the present state of an aggregate. In a writer a current state in memory costs no read; a reader folds the
 * events that it shows.
 */
export const load = <C extends AnyCategory, State, Command, E, R>(
  decider: Decider<C, State, Command, E, R>,
  id: string
): Effect.Effect<Loaded<State>, HandleError, EventStore> =>
  stateOf("Decider.load", aggregateOf(decider, id, undefined)) as Effect.Effect<Loaded<State>, HandleError, EventStore>

const aggregateOf = (decider: unknown, id: string, command: unknown): Aggregate => ({
  decider: decider as Aggregate["decider"],
  id,
  command
})

/**
 * Declarations for the packages in `bench/package.json`, as far as the benchmarks use them. The project's types are
 * checked, and its tests run, on machines that do not have these packages.
 */

declare module "better-sqlite3" {
  type Parameters = ReadonlyArray<string | number>
  interface Statement {
    readonly run: (...parameters: Parameters) => { readonly changes: number | bigint }
    readonly get: (...parameters: Parameters) => unknown
    readonly all: (...parameters: Parameters) => ReadonlyArray<unknown>
    readonly iterate: (...parameters: Parameters) => Iterable<unknown>
  }
  export default class Database {
    constructor(path: string)
    exec(sql: string): unknown
    prepare(sql: string): Statement
    close(): unknown
  }
}

declare module "classic-level" {
  interface Range {
    readonly gte?: string
    readonly lt?: string
    readonly reverse?: boolean
    readonly limit?: number
  }
  interface Values {
    readonly nextv: (size: number) => Promise<ReadonlyArray<string>>
    readonly all: () => Promise<Array<string>>
    readonly close: () => Promise<void>
  }
  interface Put {
    readonly type: "put"
    readonly key: string
    readonly value: string
  }
  export class ClassicLevel {
    constructor(folder: string)
    open(): Promise<void>
    get(key: string): Promise<string | undefined>
    getMany(keys: ReadonlyArray<string>): Promise<ReadonlyArray<string | undefined>>
    batch(operations: ReadonlyArray<Put>, options: { readonly sync: boolean }): Promise<void>
    values(range: Range): Values
    compactRange(start: string, end: string): Promise<void>
    close(): Promise<void>
  }
}

declare module "lmdb" {
  export type Key = string | number | ReadonlyArray<string | number>
  interface Range {
    readonly start?: Key
    readonly end?: Key
    readonly reverse?: boolean
    readonly limit?: number
  }
  export interface Database<V> {
    readonly get: (key: Key) => V | undefined
    readonly put: (key: Key, value: V) => Promise<boolean>
    readonly getKeys: (range?: Range) => Iterable<Key>
    readonly getRange: (range?: Range) => Iterable<{ readonly key: Key; readonly value: V }>
    readonly openDB: <W>(options: { readonly name: string }) => Database<W>
    /** Resolves once the transaction is visible, perhaps before it is on the disk. */
    readonly transaction: <A>(action: () => A) => Promise<A>
    readonly flushed: Promise<boolean>
    readonly close: () => Promise<void>
  }
  export const open: (options: { readonly path: string; readonly maxDbs?: number }) => Database<unknown>
}

declare module "event-storage" {
  interface Config {
    readonly storageDirectory: string
    readonly storageConfig?: { readonly syncOnFlush?: boolean }
  }
  class EventStore {
    constructor(name: string, config: Config)
    once(event: "ready", listener: () => void): void
    commit(stream: string, events: ReadonlyArray<object>, expected: number, committed: () => void): void
    getEventStream(stream: string, from?: number, to?: number): Iterable<unknown> | false
    getAllEvents(): Iterable<unknown>
    close(): void
  }
  const library: { readonly EventStore: typeof EventStore; readonly ExpectedVersion: { readonly Any: number } }
  export default library
}

declare module "@event-driven-io/emmett-sqlite" {
  export interface SQLiteConnection {
    readonly command: (sql: string) => Promise<unknown>
    readonly withTransaction: <A>(run: () => Promise<A>) => Promise<A>
    readonly close: () => void
  }
  interface Pool {
    readonly close: () => Promise<void>
  }
  export const sqliteConnection: (options: { readonly fileName: string }) => SQLiteConnection
  export const SQLiteConnectionPool: (options: {
    readonly fileName: string
    readonly connectionOptions: { readonly singleton: true; readonly connection: SQLiteConnection }
  }) => Pool
  interface ReadEvent {
    readonly data: unknown
    readonly metadata: { readonly globalPosition: bigint }
  }
  export const getSQLiteEventStore: (options: { readonly fileName: string; readonly pool: Pool }) => {
    readonly schema: { readonly migrate: () => Promise<void> }
    readonly appendToStream: (
      stream: string,
      events: ReadonlyArray<object>,
      options?: { readonly expectedStreamVersion?: bigint }
    ) => Promise<unknown>
    readonly readStream: (stream: string) => Promise<{ readonly events: ReadonlyArray<ReadEvent> }>
  }
  export const readMessagesBatch: (
    connection: SQLiteConnection,
    options: { readonly after: bigint; readonly batchSize: number }
  ) => Promise<{
    readonly messages: ReadonlyArray<ReadEvent>
    readonly currentGlobalPosition: bigint
    readonly areEventsLeft: boolean
  }>
}

declare module "@dcb-es/event-store" {
  interface Tags {
    readonly length: number
  }
  interface Query {
    readonly isAll: boolean
  }
  export const Tags: { readonly from: (values: Array<string>) => Tags }
  export const Query: {
    readonly fromItems: (items: Array<{ readonly types: Array<string>; readonly tags: Tags }>) => Query
  }
  export class MemoryEventStore {
    append(command: { readonly events: ReadonlyArray<object>; readonly condition?: object }): Promise<unknown>
    read(query: Query): AsyncIterable<unknown>
  }
}

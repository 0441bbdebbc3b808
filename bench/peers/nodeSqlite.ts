/** SQLite through Node's built-in driver. */
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import type { PeerModule } from "./peer.ts"
import { openSqlite } from "./sqlite.ts"

export const open: PeerModule["open"] = async (folder, setting) =>
  openSqlite(new DatabaseSync(join(folder, "events.db")), setting)

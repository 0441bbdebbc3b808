/** SQLite through better-sqlite3. Its default is `synchronous=NORMAL`; here it is set as the label says. */
import Database from "better-sqlite3"
import { join } from "node:path"
import type { PeerModule } from "./peer.ts"
import { openSqlite } from "./sqlite.ts"

export const open: PeerModule["open"] = async (folder, setting) =>
  openSqlite(new Database(join(folder, "events.db")), setting)

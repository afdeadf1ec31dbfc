/** The file as a database: found or made, known to be ours and of this version, and set up for one writer beside many readers. */
import { dirname } from "node:path";
import Database from "better-sqlite3";
import { StoreFailure, guarded } from "./errors.ts";
import { makeFolder } from "./folder.ts";
import { applicationId, schema, schemaVersion } from "./schema.ts";

/** How long a flush waits for another process's write lock. */
const lockWaitMsMax = 60_000;

/** Opens the store's database at `path` (":memory:" for one of its own); makes it, and its folder, if need be. Throws StoreFailure. */
export function openDatabase(path: string): Database.Database {
  if (path !== ":memory:") {
    const folder = dirname(path);
    try {
      makeFolder(folder);
    } catch (error) {
      throw new StoreFailure(path, "unusable", `its folder ${folder} can't be made`, error);
    }
  }
  return guarded(path, () => {
    const database = new Database(path, { timeout: lockWaitMsMax });
    try {
      prepareDatabase(database, path);
      return database;
    } catch (error) {
      database.close();
      // Such a file was hardly ever a store: to move it away would be bad advice.
      if (error instanceof Database.SqliteError && error.code === "SQLITE_NOTADB")
        throw new StoreFailure(path, "foreign", error.message, error);
      throw error;
    }
  });
}

function prepareDatabase(database: Database.Database, path: string): void {
  const pragma = (name: string) => database.pragma(name, { simple: true });
  // Two packs of jobs to a page, and an append dirties half as many pages as with SQLite's own 4096.
  database.pragma("page_size = 8192");
  const isOurs = () => pragma("application_id") === applicationId;
  if (!isOurs()) {
    // An empty file becomes a store; two processes may try at once, so the look and the making are one transaction.
    database
      .transaction(() => {
        if (isOurs()) return;
        const tables = database.prepare("SELECT count(*) FROM sqlite_schema").pluck().get();
        if (tables !== 0) throw new StoreFailure(path, "foreign", "");
        database.exec(schema);
        database.pragma(`application_id = ${applicationId}`);
        database.pragma(`user_version = ${schemaVersion}`);
      })
      .immediate();
  }
  const version = pragma("user_version") as number;
  if (version > schemaVersion) {
    throw new StoreFailure(path, "newer", `its schema is version ${version}, this one knows ${schemaVersion}`);
  }
  if (version < schemaVersion) {
    throw new StoreFailure(path, "older", `its schema is version ${version}, this one writes ${schemaVersion}`);
  }
  database.pragma("journal_mode = WAL");
  // A power cut may lose the last commits and never their consistency; a killed process loses nothing that was committed.
  database.pragma("synchronous = NORMAL");
  database.pragma("cache_size = -16384");
  database.pragma("wal_autocheckpoint = 4000");
}

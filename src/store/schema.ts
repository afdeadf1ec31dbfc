/**
 * The store's file: one SQLite database in WAL mode, `application_id` "copp", `user_version` the schema's version.
 *
 *   objects      kind 1 blob, 2 tree, 3 commit, 4 tag; digest = SHA-256 over git's header and body, so that a SHA-1
 *                collision is seen where it would be stored. rowid + UNIQUE(oid) beat WITHOUT ROWID for rows of this size.
 *   memos        request -> outcome. kind 1 blob, 2 tree (outcome = 20 bytes), 3 failed (outcome = canonical JSON);
 *                reads and children are oids end to end; digest = SHA-256 over all that (see digestOfMemo): an object is checked by its name, a memo by this;
 *                quarantined 1 = never served.
 *   divergences  an outcome that differs from the memo's: evidence, never overwritten.
 *   refs         names of oids that people or the engine gave.
 *   runs, trace  the last runs of the engine and their events (layout: src/scheduler/trace.ts).
 *   counters     `generation`: bumped by whatever deletes (forget, garbage collection); a connection that remembers what is here
 *                checks it in each commit.
 */
export const applicationId = 0x636f7070;
export const schemaVersion = 1;

export const schema = `
CREATE TABLE objects (
  id INTEGER PRIMARY KEY,
  oid BLOB NOT NULL UNIQUE,
  kind INTEGER NOT NULL,
  digest BLOB NOT NULL,
  body BLOB NOT NULL
) STRICT;
CREATE TABLE memos (
  id INTEGER PRIMARY KEY,
  request BLOB NOT NULL UNIQUE,
  kind INTEGER NOT NULL,
  outcome BLOB NOT NULL,
  detail TEXT,
  fuel INTEGER NOT NULL,
  reads BLOB NOT NULL,
  children BLOB NOT NULL,
  digest BLOB NOT NULL,
  run INTEGER NOT NULL,
  quarantined INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE TABLE divergences (
  id INTEGER PRIMARY KEY,
  request BLOB NOT NULL,
  kind INTEGER NOT NULL,
  outcome BLOB NOT NULL,
  run INTEGER NOT NULL
) STRICT;
CREATE TABLE refs (
  name TEXT PRIMARY KEY,
  oid BLOB NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE runs (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  request BLOB NOT NULL,
  started_ms INTEGER NOT NULL,
  micros INTEGER,
  executed INTEGER,
  frames INTEGER,
  memoized INTEGER,
  ending TEXT
) STRICT;
CREATE TABLE trace (
  run INTEGER NOT NULL,
  seq INTEGER NOT NULL,
  events BLOB NOT NULL,
  PRIMARY KEY (run, seq)
) STRICT;
CREATE TABLE counters (
  name TEXT PRIMARY KEY,
  value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO counters VALUES ('generation', 1);
`;

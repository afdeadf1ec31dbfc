/**
 * The store's file: one SQLite database in WAL mode, `application_id` "copp", `user_version` the schema's version.
 *
 *   objects      the large ones, a row each. kind 1 blob, 2 tree, 3 commit, 4 tag; digest = SHA-256 over git's header and body, so that a SHA-1 collision is
 *                seen where it would be stored, without reading the body. Found by way of the index, so rows are appended.
 *   object_packs the small ones (layout: pack.ts, packed-objects.ts).
 *   job_packs    requests with their trees, their args' trees and their memos (layout: pack.ts, job-record.ts). surroundings: what many of those trees have in common.
 *   recent, buckets   the index: where a name stands (layout: name-index.ts).
 *   divergences  what another execution of a request came to than its memo says (quarantine.ts): evidence, never overwritten. record: a pack of one job's record, without its tree;
 *                found: how it was come by, for people.
 *   sources      object folders of git repositories that the store reads from (sources.ts).
 *   partial_trees  trees that are here without all that they name, which a source had. Those that stand in job_packs are not listed: any of them may be.
 *   refs         names of oids that people or the engine gave.
 *   runs, trace  the last runs of the engine and their events (layout: src/scheduler/trace.ts).
 *   forgotten    requests whose memos people dropped, the last ones, and when (milliseconds since 1970): why they ran again.
 *   counters     `generation`: bumped by whatever deletes (forget, garbage collection); a connection that remembers what is here
 *                checks it in each commit. `commits`: bumped by each commit of objects or memos, so that a handle knows whether it missed one.
 *                `index_…`: see name-index.ts. `settled_run`: the newest run when a quarantine was settled last; what that run or an earlier one has not committed is not committed any more.
 *
 * Version 1 had a row and an SQLite index entry for each object and each memo, version 2 no sources, version 3 shorter events in traces, of another execution its outcome alone, and no table of what was forgotten. They are refused, not converted: what they hold can be computed again.
 */
export const applicationId = 0x636f7070;
export const schemaVersion = 4;

export const schema = `
CREATE TABLE objects (
  id INTEGER PRIMARY KEY,
  oid BLOB NOT NULL,
  kind INTEGER NOT NULL,
  digest BLOB NOT NULL,
  body BLOB NOT NULL
) STRICT;
CREATE TABLE object_packs (
  id INTEGER PRIMARY KEY,
  records BLOB NOT NULL
) STRICT;
CREATE TABLE job_packs (
  id INTEGER PRIMARY KEY,
  records BLOB NOT NULL
) STRICT;
CREATE TABLE surroundings (
  id INTEGER PRIMARY KEY,
  bytes BLOB NOT NULL UNIQUE
) STRICT;
CREATE TABLE recent (
  at INTEGER PRIMARY KEY,
  entries BLOB NOT NULL,
  checksum INTEGER NOT NULL
) STRICT;
CREATE TABLE buckets (
  id INTEGER PRIMARY KEY,
  entries BLOB NOT NULL,
  checksum INTEGER NOT NULL
) STRICT;
CREATE TABLE divergences (
  id INTEGER PRIMARY KEY,
  request BLOB NOT NULL,
  record BLOB NOT NULL,
  found TEXT NOT NULL
) STRICT;
CREATE TABLE sources (
  id INTEGER PRIMARY KEY,
  path TEXT NOT NULL UNIQUE
) STRICT;
CREATE TABLE partial_trees (
  oid BLOB PRIMARY KEY
) STRICT, WITHOUT ROWID;
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
CREATE TABLE forgotten (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  request BLOB NOT NULL,
  at_ms INTEGER NOT NULL
) STRICT;
CREATE TABLE counters (
  name TEXT PRIMARY KEY,
  value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO counters VALUES ('generation', 1), ('commits', 0), ('index_epoch', 0), ('index_depth', 0), ('index_bucketed', 0);
INSERT INTO counters VALUES ('settled_run', -1);
`;

/**
 * Quarantine: memos that are not to be believed. When two executions of a request differ, what the second one came to is kept as a divergence beside the memo (the *cause*), and the memo is flagged, with every memo that
 * consumed it, by way of others too (*consumers*: its request is among their children). A flagged memo is never served and never overwritten until somebody settles its cause.
 *
 * Rules, which hold in each state that is committed (design/verify.md has why):
 * - A memo is flagged when and only when its request has a divergence, or one of its children's memos is flagged.
 * - No memo is committed over a flagged child, or beside a flagged memo of its own: it is refused. So whatever consumer there is has consumed the memo's outcome, and never the divergence's.
 * - A settlement that changes or drops an outcome drops its consumers, and what runs that began before have not committed is refused.
 *
 * Consumers are found by going through all jobs' records, since divergences are rare. All is done in the transaction of whoever calls.
 */
import type Database from "better-sqlite3";
import type { Contents, FoundJob } from "./contents.ts";
import { bytesOf, Damage, storedOid } from "./damage.ts";
import { decodeJob, encodeJob, oidsOf, type StoredMemo } from "./job-record.ts";
import { oidToBytes, type Oid } from "./oid.ts";
import { sameOutcome, type Memo } from "./outcome.ts";
import { PackWriter, recordsOf } from "./pack.ts";
import { keptMemo, storedMemo, storedOutcome } from "./stored-memo.ts";
import type { BufferedMemo } from "./write-buffer.ts";

/** What an execution came to that differs from the memo. */
export interface Divergence {
  readonly request: Oid;
  readonly memo: Memo;
  /** Of the execution; 0 for one that no run asked for. */
  readonly run: number;
  /** How it was come by, for people. */
  readonly found: string;
}

/** Which outcome of a cause is to be true from now on: the memo's, that of the newest divergence, or none, so that it is computed again. */
export type Keep = "memo" | "new" | "none";

export interface Settlement {
  /** Consumers whose memos are served again. */
  readonly released: number;
  /** Consumers whose memos were dropped. */
  readonly forgotten: number;
}

export class Quarantine {
  readonly #contents: Contents;
  readonly #sql: ReturnType<typeof prepareStatements>;

  constructor(database: Database.Database, contents: Contents) {
    this.#contents = contents;
    this.#sql = prepareStatements(database);
  }

  /** Whether nothing is flagged, and the newest run whose buffered memos are refused. */
  state(): { readonly isEmpty: boolean; readonly settledRun: number } {
    const { any, settledRun } = this.#sql.state.get() as { any: number; settledRun: number };
    return { isEmpty: any === 0, settledRun };
  }

  /** How many requests have divergences. */
  causes(): number {
    return this.#sql.countCauses.get() as number;
  }

  /** In the order in which they were found; of one request, or all. Throws Damage. */
  divergences(request?: Oid): readonly Divergence[] {
    return this.#rows(request).map(({ memo, ...more }) => ({
      ...more,
      memo: keptMemo(more.request, memo),
      run: memo.run,
    }));
  }

  #rows(request?: Oid): readonly { request: Oid; memo: StoredMemo; found: string }[] {
    const rows =
      request === undefined ? this.#sql.allDivergences.all() : this.#sql.divergences.all(oidToBytes(request));
    return (rows as { request: unknown; record: unknown; found: string }[]).map((row) => {
      const name = storedOid(row.request, "a divergence's request");
      const [record] = recordsOf(bytesOf(row.record, "a divergence"));
      const job = record === undefined ? undefined : decodeJob(record);
      if (job?.memo === undefined || job.request !== name) throw new Damage("a divergence is not what was stored");
      return { request: name, memo: job.memo, found: row.found };
    });
  }

  /** The cause because of which a memo is flagged: itself, or one that it consumed. */
  originOf(request: Oid): Oid {
    const seen = new Set<Oid>([request]);
    for (const each of seen) {
      if (this.#isCause(each)) return each;
      const memo = this.#memo(each);
      if (memo?.quarantined === true) for (const child of oidsOf(memo.children)) seen.add(child);
    }
    return request;
  }

  /**
   * Keeps what an execution came to and flags the memo and its consumers, unless the memo says the same. Fuel counts here. Returns how many consumers are flagged with it; undefined when there is no such
   * memo, or one that says the same.
   */
  keep(request: Oid, memo: Memo, run: number, found: string): number | undefined {
    const known = this.#memo(request);
    if (known === undefined) return undefined;
    if (sameOutcome(storedOutcome(request, known), memo.outcome) && known.fuel === memo.fuel) return undefined;
    this.#add(request, memo, run, found);
    const consumers = this.#flag([request]).size - 1;
    this.#contents.bumpGeneration();
    return consumers;
  }

  /**
   * Marks those buffered memos as refused that a quarantine stands against, after having flagged what they give cause to flag. Returns the requests of the refused ones, in their order, with the causes.
   */
  sift(memos: readonly BufferedMemo[]): ReadonlyMap<Oid, Oid> {
    const causes = new Set<Oid>();
    for (const { request, memo, run } of memos) {
      const known = this.#memo(request);
      if (known === undefined || sameOutcome(storedOutcome(request, known), memo.outcome)) continue;
      this.#add(request, memo, run, "run");
      causes.add(request);
    }
    const flagged = this.#flag(causes);
    if (causes.size > 0) this.#contents.bumpGeneration();
    const isFlagged = (name: Oid) => flagged.has(name) || this.#memo(name)?.quarantined === true;
    const refused = new Map<Oid, Oid>();
    for (const buffered of memos) {
      const { request, memo } = buffered;
      const isKnown = this.#memo(request) !== undefined;
      const child = isKnown ? undefined : memo.children.find((each) => refused.has(each) || isFlagged(each));
      if (child === undefined && !(isKnown && isFlagged(request))) continue;
      buffered.isRefused = true;
      refused.set(request, refused.get(child ?? request) ?? this.originOf(child ?? request));
    }
    return refused;
  }

  /** Settles a cause, and says which requests have no memo any more; undefined when the request is none. */
  settle(
    request: Oid,
    keep: Keep,
  ): { readonly settlement: Settlement; readonly dropped: ReadonlySet<Oid> } | undefined {
    const rows = this.#rows(request);
    const newest = rows.at(-1);
    if (newest === undefined) return undefined;
    const found = this.#contents.job(request);
    if (keep !== "memo" || found === undefined) {
      const dropped = new Set(this.forget(request));
      const forgotten = dropped.size - 1;
      if (keep === "new" && found !== undefined) {
        // Its children are none of those that were forgotten, which consumed it.
        const quarantined = oidsOf(newest.memo.children).some((child) => this.#memo(child)?.quarantined === true);
        this.#contents.setMemo(found, { ...newest.memo, quarantined });
        dropped.delete(request);
      }
      return { settlement: { released: 0, forgotten }, dropped };
    }
    this.#sql.deleteDivergences.run(oidToBytes(request));
    const causes = this.#sql.causes.all().map((name) => storedOid(name, "a divergence's request"));
    const still = this.#consumers(causes);
    let released = 0;
    for (const each of this.#consumers([request])) {
      if (still.has(each)) continue;
      this.#setFlag(each, false);
      if (each !== request) released++;
    }
    this.#contents.bumpGeneration();
    return { settlement: { released, forgotten: 0 }, dropped: new Set() };
  }

  /** Drops a memo and its consumers, with their divergences; returns their requests. */
  forget(request: Oid): ReadonlySet<Oid> {
    const dropped = this.#consumers([request]);
    for (const each of dropped) {
      this.#sql.deleteDivergences.run(oidToBytes(each));
      const found = this.#contents.job(each);
      if (found !== undefined) this.#contents.setMemo(found, undefined);
    }
    this.#sql.settled.run();
    this.#contents.bumpGeneration();
    return dropped;
  }

  #add(request: Oid, memo: Memo, run: number, found: string): void {
    const isKept = this.#rows(request).some(
      ({ memo: kept }) => sameOutcome(storedOutcome(request, kept), memo.outcome) && kept.fuel === memo.fuel,
    );
    if (isKept) return;
    const writer = new PackWriter(Number.POSITIVE_INFINITY);
    encodeJob(writer, { request, tree: undefined, memo: storedMemo(memo, run) });
    writer.finish();
    this.#sql.insertDivergence.run(oidToBytes(request), writer.take(), found);
  }

  /** Flags these and their consumers, and returns all of them. */
  #flag(causes: Iterable<Oid>): ReadonlySet<Oid> {
    const flagged = this.#consumers(causes);
    for (const each of flagged) this.#setFlag(each, true);
    return flagged;
  }

  #setFlag(request: Oid, quarantined: boolean): void {
    const found = this.#contents.job(request);
    const memo = found?.record.memo;
    if (memo === undefined || memo.quarantined === quarantined) return;
    this.#contents.setMemo(found as FoundJob, { ...memo, quarantined });
  }

  /** These, and what consumed them. */
  #consumers(causes: Iterable<Oid>): ReadonlySet<Oid> {
    const reached = new Set(causes);
    if (reached.size === 0) return reached;
    // A memo mostly stands behind those that it consumed, so the second time finds nothing.
    for (let before = 0; before < reached.size;) {
      before = reached.size;
      for (const { request, children } of this.#contents.links()) {
        if (!reached.has(request) && children.some((child) => reached.has(child))) reached.add(request);
      }
    }
    return reached;
  }

  #memo(request: Oid): StoredMemo | undefined {
    return this.#contents.job(request)?.record.memo;
  }

  #isCause(request: Oid): boolean {
    return this.#sql.isCause.get(oidToBytes(request)) !== undefined;
  }
}

function prepareStatements(database: Database.Database) {
  const sql = (text: string) => database.prepare(text);
  return {
    state: sql(
      "SELECT EXISTS (SELECT 1 FROM divergences) AS any, (SELECT value FROM counters WHERE name = 'settled_run') AS settledRun",
    ),
    isCause: sql("SELECT 1 FROM divergences WHERE request = ? LIMIT 1").pluck(),
    causes: sql("SELECT DISTINCT request FROM divergences").pluck(),
    countCauses: sql("SELECT count(DISTINCT request) FROM divergences").pluck(),
    divergences: sql("SELECT request, record, found FROM divergences WHERE request = ? ORDER BY id"),
    allDivergences: sql("SELECT request, record, found FROM divergences ORDER BY id"),
    insertDivergence: sql("INSERT INTO divergences (request, record, found) VALUES (?, ?, ?)"),
    deleteDivergences: sql("DELETE FROM divergences WHERE request = ?"),
    settled: sql("UPDATE counters SET value = (SELECT coalesce(max(id), 0) FROM runs) WHERE name = 'settled_run'"),
  };
}

/**
 * The SIGKILL campaign: folds a tree in a child process, kills it at moments spread over the whole run, and looks at what is left.
 *
 *   node tests/crash/campaign.ts [--kills N] [--pairs N] [--seed S] [--folders N] [--files N] [--borrowed]
 *
 * Each kill starts from a copy of the same base store. After it the file is opened and checked (see inspect.ts), and the fold is run to its end, which must
 * give the very oid of the run that nobody disturbed. With `--borrowed` the base store holds nothing of the tree and reads it from a git repository. `--pairs` rounds run two processes on one store and kill one: the other must finish right.
 * Exits with 1 when a check fails, or when 50 kills or more left fewer than 20 distinct memo counts.
 */
import { spawn, type ChildProcess } from "node:child_process";
import { copyFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { openEngine, type Oid, type TreeEntry } from "../../src/engine.ts";
import { dice, type Dice } from "../scheduler/seeded.ts";
import { git } from "../fold-bench/packed-repository.ts";
import { inspectStore } from "./inspect.ts";
import { wholeNumber } from "../whole-number.ts";

export interface CampaignOptions {
  readonly kills: number;
  readonly pairs: number;
  readonly seed: number;
  readonly folders: number;
  /** Files in each folder, no two alike. */
  readonly files: number;
  /** Whether the tree stands in a repository that the store reads from, and not in the store. */
  readonly borrowed: boolean;
  readonly print: (line: string) => void;
}

export interface CampaignSummary {
  /** Distinct requests that the undisturbed run executed. */
  readonly jobs: number;
  readonly kills: number;
  readonly pairs: number;
  /** Distinct numbers of memos found on reopening. */
  readonly memoCounts: number;
  readonly faults: readonly string[];
}

interface Ending {
  readonly outcome: { readonly kind: string; readonly oid?: string };
  readonly executed: number;
}

interface Base {
  readonly file: string;
  readonly tree: Oid;
  /** What the undisturbed run came to. */
  readonly ending: Ending;
  /** How long the process of a whole run lives, measured again when the machine turns out to be faster. */
  ms: number;
}

/** Kills and checks. The store files are in the system's temporary folder and are removed. */
export async function runCampaign(options: CampaignOptions): Promise<CampaignSummary> {
  const folder = mkdtempSync(join(tmpdir(), "coppice-crash-"));
  try {
    const base = await prepare(folder, options);
    const { kills, pairs, seed, print } = options;
    print(`${base.ending.executed} jobs, undisturbed in ${Math.round(base.ms)} ms; seed ${seed}`);
    const counts = new Set<number>();
    const faults: string[] = [];
    const random = dice(seed);
    for (let round = 0; round < kills + pairs; round++) {
      const isPair = round >= kills;
      const [at, rounds] = isPair ? [round - kills, pairs] : [round, kills];
      const found = await killOnce(folder, base, isPair, { random, share: at / rounds, width: 1 / rounds });
      if (!isPair) counts.add(found.memos);
      faults.push(...found.faults.map((fault) => `round ${round + 1}: ${fault}`));
      const left = `${found.memos} memos and ${found.objects} objects left, ${found.executed} executed to the end`;
      print(`${isPair ? "pair" : "kill"} ${at + 1} at ${Math.round(found.ms)} ms: ${left}${tell(found.faults)}`);
    }
    const summary = { jobs: base.ending.executed, kills, pairs, memoCounts: counts.size, faults };
    print(`${kills} kills, ${pairs} pairs, ${counts.size} distinct memo counts on reopening, ${faults.length} faults`);
    return summary;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const tell = (faults: readonly string[]) => (faults.length === 0 ? "" : `; FAULTS: ${faults.slice(0, 5).join("; ")}`);

async function prepare(folder: string, { folders, files, borrowed }: CampaignOptions): Promise<Base> {
  const file = join(folder, "base.sqlite");
  const engine = openEngine({ store: file });
  const entries: TreeEntry[] = [];
  for (let outer = 0; outer < folders; outer++) {
    const inner: TreeEntry[] = [];
    for (let at = 0; at < files; at++) {
      const text = `${outer} ${at}\n`.repeat(1 + (at % 7));
      inner.push({ mode: "100644", name: `f${at}.txt`, oid: engine.putBlob(Buffer.from(text)) });
    }
    entries.push({ mode: "40000", name: `d${outer}`, oid: engine.putTree(inner) });
  }
  const tree = engine.putTree(entries);
  if (borrowed) await engine.checkout(tree, join(folder, "work"));
  await engine.close();
  if (borrowed) {
    rmSync(file);
    await borrowAll(join(folder, "work"), file, tree);
  }
  const whole = join(folder, "whole.sqlite");
  copyFileSync(file, whole);
  const startedMs = performance.now();
  const ending = await finished(startChild(whole, tree));
  if (ending === undefined) throw new Error("the undisturbed run was killed");
  const ms = performance.now() - startedMs;
  const { memos, faults } = inspectStore(whole);
  if (memos !== ending.executed || faults.length > 0) {
    throw new Error(`the undisturbed run left ${memos} memos of ${ending.executed} jobs${tell(faults)}`);
  }
  return { file, tree, ending, ms };
}

/** Makes a store that holds nothing of a work tree's files and reads them from the repository that is made there. */
async function borrowAll(work: string, store: string, tree: Oid): Promise<void> {
  git(work, "", "init", "--quiet");
  git(work, "", "add", "-A");
  const engine = openEngine({ store });
  const { oid, objects } = await engine.borrowTree(work);
  await engine.close();
  // Without a commit git has no trees, so these are put.
  if (oid !== tree || objects > 300) throw new Error(`${objects} objects of ${oid} were put, and not borrowed`);
}

interface Moment {
  readonly random: Dice;
  /** The part of the run in which the kill falls: from `share` on, `width` long. */
  readonly share: number;
  readonly width: number;
}

interface Found {
  readonly ms: number;
  readonly memos: number;
  readonly objects: number;
  readonly executed: number;
  readonly faults: readonly string[];
}

async function killOnce(folder: string, base: Base, isPair: boolean, moment: Moment): Promise<Found> {
  const { random, share, width } = moment;
  const file = join(folder, "round.sqlite");
  const part = share + (width * random.below(1000)) / 1000;
  for (;;) {
    const ms = part * base.ms;
    const startedMs = performance.now();
    for (const suffix of ["", "-wal", "-shm"]) rmSync(file + suffix, { force: true });
    copyFileSync(base.file, file);
    const victim = startChild(file, base.tree);
    const other = isPair ? finished(startChild(file, base.tree)) : undefined;
    const [killed, survivor] = await Promise.all([killAfter(victim, ms), other]);
    if (!killed) {
      // The machine is faster now than when the run was measured, and the victim had ended. That is no kill: measure anew, try again.
      base.ms = Math.min(base.ms, performance.now() - startedMs) * 0.97;
      continue;
    }
    const { memos, objects, faults } = inspectStore(file);
    const all = [...faults];
    const check = (who: string, ending: Ending | undefined) => {
      if (JSON.stringify(ending?.outcome) !== JSON.stringify(base.ending.outcome)) {
        all.push(`${who} came to ${JSON.stringify(ending?.outcome)}, not to ${JSON.stringify(base.ending.outcome)}`);
      }
    };
    if (isPair) check("the process that was left alone", survivor);
    const ending = await foldHere(file, base.tree);
    check("the run after the kill", ending);
    const after = inspectStore(file);
    if (after.memos !== base.ending.executed) all.push(`${after.memos} memos in the end, not ${base.ending.executed}`);
    all.push(...after.faults);
    return { ms, memos, objects, executed: ending.executed, faults: all };
  }
}

async function foldHere(store: string, tree: Oid): Promise<Ending> {
  const engine = openEngine({ store });
  try {
    const { outcome, jobs } = await engine.fold({ in: tree, post: "line-count" });
    return { outcome, executed: jobs.executed };
  } finally {
    await engine.close();
  }
}

function startChild(store: string, tree: Oid): ChildProcess {
  const file = fileURLToPath(new URL("./child.ts", import.meta.url));
  return spawn(process.execPath, [file, store, tree], { stdio: ["ignore", "pipe", "inherit"] });
}

/** What the child printed; undefined when a signal ended it. Throws when it failed. */
function finished(child: ChildProcess): Promise<Ending | undefined> {
  return new Promise((resolve, reject) => {
    let text = "";
    child.stdout?.setEncoding("utf8").on("data", (part: string) => (text += part));
    child.on("error", reject);
    child.on("close", (code, signal) => {
      if (signal !== null) resolve(undefined);
      else if (code === 0) resolve(JSON.parse(text) as Ending);
      else reject(new Error(`a child ended with code ${code}`));
    });
  });
}

/** Kills the child that many milliseconds after it started; false when it had ended by itself before. */
async function killAfter(child: ChildProcess, ms: number): Promise<boolean> {
  const timer = setTimeout(() => child.kill("SIGKILL"), ms);
  const ending = await finished(child);
  clearTimeout(timer);
  return ending === undefined;
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      kills: { type: "string", default: "50" },
      pairs: { type: "string", default: "4" },
      seed: { type: "string", default: "1" },
      folders: { type: "string", default: "200" },
      files: { type: "string", default: "100" },
      borrowed: { type: "boolean", default: false },
    },
  });
  const number = (name: Exclude<keyof typeof values, "borrowed">) => wholeNumber(name, values[name]);
  const { memoCounts, faults, kills } = await runCampaign({
    kills: number("kills"),
    pairs: number("pairs"),
    seed: number("seed"),
    folders: number("folders"),
    files: number("files"),
    borrowed: values.borrowed,
    print: (line) => void process.stdout.write(`${line}\n`),
  });
  const tooAlike = kills >= 50 && memoCounts < 20;
  if (tooAlike) process.stdout.write("too few distinct memo counts: the kills did not fall into the run\n");
  process.exitCode = faults.length > 0 || tooAlike ? 1 : 0;
}

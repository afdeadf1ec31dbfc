/**
 * The campaign of bombs: submits each guest that takes all the memory, stack or time there is to one engine, many times in a row, while ordinary jobs run beside it.
 *
 *   node tests/engine/bombs-campaign.ts [--rounds N] [--wall-ms N] [--only PATTERN]
 *
 * Every bomb is to end as the non-answer that it is (the one that is a program's own failure as that), every ordinary job beside it with the very oids of jobs that nobody disturbed. Every other round the bomb is
 * run by a parent, whose own non-answer that is. In the end the engine still answers, its store is sound, and no process is left behind. Exits with 1 when any of this does not hold.
 */
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { NonAnswerError, openEngine, type Engine, type Oid, type Run, type RunResult } from "../../src/engine.ts";
import { residentBytes } from "../../src/isolate-host/script/resident-bytes.ts";
import { inspectStore } from "../crash/inspect.ts";
import { bombs } from "../isolate-host/script/bombs.ts";
import { wholeNumber } from "../whole-number.ts";

/** How often the memory of this process and of its children is looked at. */
const lookEveryMs = 50;

export interface BombsOptions {
  /** How often each bomb is submitted. */
  readonly rounds: number;
  readonly wallClockMsMax: number;
  /** Only bombs whose names match. */
  readonly only: RegExp;
  readonly print: (line: string) => void;
}

export interface BombsSummary {
  readonly bombs: number;
  /** Ordinary runs that were asked for while a bomb ran. */
  readonly beside: number;
  /** Of these, how many the wall clock ended: on a busy machine a process may not get to run for that long. */
  readonly cutShort: number;
  /** The most that this process and the largest child were seen with, in bytes. */
  readonly engineBytes: number;
  readonly childBytes: number;
  /** Processes of ours that were there when the engine was closed, those that nobody waited for included. */
  readonly leftBehind: number;
  readonly faults: readonly string[];
}

/** Throws bombs and checks. The store is in the system's temporary folder and is removed. */
export async function runBombs({ rounds, wallClockMsMax, only, print }: BombsOptions): Promise<BombsSummary> {
  const folder = mkdtempSync(join(tmpdir(), "coppice-bombs-"));
  const store = join(folder, "store.sqlite");
  const faults: string[] = [];
  /** Not the engine's: the bundler has a process, too. */
  let others: ReadonlySet<number> = new Set();
  const seen = { engineBytes: 0, childBytes: 0 };
  const look = () => {
    seen.engineBytes = Math.max(seen.engineBytes, process.memoryUsage.rss());
    for (const pid of childrenOf(process.pid)) seen.childBytes = Math.max(seen.childBytes, residentBytes(pid) ?? 0);
  };
  const looking = setInterval(look, lookEveryMs);
  let thrown = 0;
  let beside = 0;
  let cutShort = 0;
  try {
    const engine = openEngine({ store, executors: 2, wallClockMsMax });
    try {
      const ordinary = await ordinaryJobs(engine, folder);
      others = new Set(childrenOf(process.pid));
      const wanted = await ending(ordinary("undisturbed"));
      const check = async (salt: string) => {
        const got = await ending(ordinary(salt));
        if (got.startsWith("host: ") && got.endsWith("and was stopped")) cutShort++;
        else if (got !== wanted) faults.push(`${salt}: an ordinary job came to ${got}, not to ${wanted}`);
      };
      const parent = await add(engine, folder, "parent", "return job.run(job.text(job.args.bomb))");
      for (const [what, body, end] of bombs.filter(([name]) => only.test(name))) {
        const worker = await add(engine, folder, "bomb", body);
        const times: number[] = [];
        for (let round = 0; round < rounds; round++) {
          const isNested = round % 2 === 1;
          const salt = `${what} ${round}`;
          const startedMs = performance.now();
          const over = new AbortController();
          const input = isNested ? { worker: parent, args: { bomb: worker } } : { worker };
          const ended = ending(engine.run({ ...input, salt })).finally(() => over.abort());
          for (let run = 0; !over.signal.aborted; run++) {
            await check(`beside ${salt}, ${run}`);
            beside++;
          }
          const text = await ended;
          times.push(performance.now() - startedMs);
          const failure = /^failed: (.*)/.exec(end)?.[1];
          const isRight = failure === undefined ? text.startsWith("host: ") : text.includes(failure);
          if (!isRight) faults.push(`${salt} came to ${text}`);
          thrown++;
          await check(`after ${salt}`);
        }
        times.sort((a, b) => a - b);
        const at = (part: number) => Math.round(times[Math.floor(part * (times.length - 1))] as number);
        print(
          `a guest that ${what}: ${rounds} times, ${at(0.5)} ms (${at(0)} to ${at(1)}), engine ${mebibytes(seen.engineBytes)}, largest child ${mebibytes(seen.childBytes)}, ${beside} runs beside, ${cutShort} of them cut short, ${faults.length} faults so far`,
        );
      }
    } finally {
      await engine.close();
    }
    // An engine is closed once all of its processes have ended.
    const left = childrenOf(process.pid).filter((pid) => !others.has(pid));
    faults.push(...inspectStore(store).faults);
    if (left.length > 0) faults.push(`${left.length} processes are left behind`);
    const summary = { bombs: thrown, beside, cutShort, ...seen, leftBehind: left.length, faults };
    print(JSON.stringify(summary));
    return summary;
  } finally {
    clearInterval(looking);
    rmSync(folder, { recursive: true, force: true });
  }
}

/** What runs beside bombs: a script that calls scripts and a wasm guest. Each salt is a run of its own. */
async function ordinaryJobs(engine: Engine, folder: string): Promise<(salt: string) => Run> {
  const leaf = await add(engine, folder, "leaf", "return job.text(job.args.in).toUpperCase() + '\\n'");
  const root = await add(
    engine,
    folder,
    "root",
    `const leaf = job.text(job.args.leaf);
    const texts = await job.runMany(Array.from({ length: 20 }, (_, at) => ({ worker: leaf, args: { in: "line " + at } })));
    const lines = await job.runMany(texts.map((text) => ({ worker: "line-count", args: { in: text, children: new Map() } })));
    return job.putTree(new Map(lines.map((line, at) => ["" + at, line])));`,
  );
  return (salt) => engine.run({ worker: root, args: { leaf }, salt });
}

function add(engine: Engine, folder: string, name: string, body: string): Promise<Oid> {
  const file = join(folder, `${name}.ts`);
  writeFileSync(file, `export default async (job: any) => {\n${body}\n};\n`);
  return engine.addScript(file);
}

/** What a run comes to, as a text. */
async function ending(running: Run): Promise<string> {
  try {
    return tell(await running);
  } catch (error) {
    if (!(error instanceof NonAnswerError)) throw error;
    return error.answer.kind === "host" ? `host: ${error.answer.message}` : error.answer.kind;
  }
}

function tell({ outcome, jobs }: RunResult): string {
  return `${JSON.stringify(outcome)} by ${jobs.executed} jobs`;
}

/** Processes whose parent that one is, those that ended and that nobody waited for included; none where there is no /proc. */
function childrenOf(pid: number): number[] {
  const found: number[] = [];
  for (const name of readdirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    try {
      // The name in brackets may have blanks and brackets.
      const fields = readFileSync(`/proc/${name}/stat`, "latin1").split(") ").at(-1);
      if (fields?.split(" ")[1] === String(pid)) found.push(Number(name));
    } catch {
      // It is gone.
    }
  }
  return found;
}

const mebibytes = (bytes: number) => `${Math.round(bytes / 2 ** 20)} MiB`;

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      rounds: { type: "string", default: "100" },
      "wall-ms": { type: "string", default: "2000" },
      only: { type: "string", default: "" },
    },
  });
  const { faults } = await runBombs({
    rounds: wholeNumber("rounds", values.rounds),
    wallClockMsMax: wholeNumber("wall-ms", values["wall-ms"]),
    only: new RegExp(values.only),
    print: (line) => console.log(line),
  });
  process.exit(faults.length > 0 ? 1 : 0);
}

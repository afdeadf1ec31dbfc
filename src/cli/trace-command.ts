/** `coppice trace`: what a run's jobs were, as a tree in the terminal or a file for a trace viewer. What is read off the trace stands in src/run-tree.ts and src/chrome-trace.ts. */
import { writeFileSync } from "node:fs";
import type { Engine, Oid, RunTree, TreeNode } from "../engine.ts";
import { addCommand, cidOption, type Commands } from "./command.ts";
import { UsageError } from "./exit.ts";
import { jobText, requestNamed, timeText, type NamingOptions } from "./explain-command.ts";
import { nameOf, oneLine, printNote, write, type Printer } from "./output.ts";
import type { Session } from "./session.ts";

const examples = [
  "trace --last                             where the last run's time went",
  "trace --last --order call --depth 3",
  "trace REQUEST --chrome run.json          for chrome://tracing and ui.perfetto.dev",
];

/** Levels, and jobs below one, that are printed unless more or fewer are asked for. */
const levels = 4;
const jobsBelow = 10;

interface TraceOptions extends NamingOptions {
  readonly order?: "slow" | "call";
  readonly depth?: number;
  readonly width?: number;
  readonly json?: true;
  readonly chrome?: string;
}

/** By their first word. */
export const traceCommands: Commands = {
  trace: (session, parent) => {
    cidOption(
      addCommand(parent, "trace", "draw what a request asked for when it ran: jobs, hits, time, fuel", examples),
      "print CIDs in place of oids; not with --json",
    )
      .argument("[REQUEST]", "the request's oid or CID, as `run` and `fold` print it; one of a nested job, too")
      .option("--last", "the request that was run or folded last")
      .option("--order <slow|call>", "first what took longest, or what was asked for first (default: slow)", orderNamed)
      .option("--depth <N>", `levels below the request (default: ${levels})`, countNamed)
      .option("--width <N>", `jobs below each (default: ${jobsBelow})`, countNamed)
      .option("--json", "print one JSON object, as `engine.trace` gives it")
      .option("--chrome <FILE>", "write all of it to FILE as Chrome's trace format")
      .action((first: string | undefined, options: TraceOptions) =>
        session.withStore(options, (engine) => trace(session, engine, first, options)),
      );
  },
};

function orderNamed(text: string): "slow" | "call" {
  if (text === "slow" || text === "call") return text;
  throw new UsageError(`--order wants slow or call, not ${JSON.stringify(text)}`);
}

function countNamed(text: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new UsageError(`a whole number is wanted, not ${JSON.stringify(text)}`);
}

async function trace(
  session: Session,
  engine: Engine,
  first: string | undefined,
  options: TraceOptions,
): Promise<void> {
  const { printer } = session;
  const { request, path } = requestNamed(session, engine, [first], options);
  if (path !== undefined)
    throw new UsageError("trace takes no path; `coppice explain --last PATH` prints the requests of one");
  const { chrome, order = "slow", depth = levels, width = jobsBelow } = options;
  if (chrome !== undefined) {
    const whole = (await engine.chromeTrace(request)) ?? notKept(printer, request);
    writeFileSync(chrome, `${JSON.stringify(whole)}\n`);
    printNote(printer, `${whole.traceEvents.length.toLocaleString("en")} events written to ${chrome}`);
    return;
  }
  const tree = (await engine.trace(request, { order, depth, width })) ?? notKept(printer, request);
  await write(printer.out, options.json ? `${JSON.stringify(tree)}\n` : treeText(printer, tree, Date.now()));
}

function notKept(printer: Printer, request: Oid): never {
  throw new UsageError(
    `no trace of an execution of ${nameOf(printer, request)} is kept: it never ran here, or the runs since have displaced it`,
  );
}

function treeText(printer: Printer, { run, isCut, root }: RunTree, nowMs: number): string {
  const { totals } = run;
  const counts =
    totals === undefined
      ? "not ended"
      : `${totals.ending}; ${totals.executed.toLocaleString("en")} executed, ${totals.memoized.toLocaleString("en")} remembered, ${(totals.micros / 1000).toFixed(1)} ms`;
  const lines = [
    `run ${run.id}, request ${nameOf(printer, run.request)}, ${timeText(run.startedMs, nowMs)}: ${counts}`,
    ...(isCut ? ["the trace is cut short: what ended last is not in it"] : []),
    `${"ms".padStart(12)} ${"fuel".padStart(15)}`,
    ...nodeLines(root, "", ""),
  ];
  return lines.map((line) => `${oneLine(line)}\n`).join("");
}

/** A job's line and those below it. `lead` stands before its own, `indent` before the others. */
function* nodeLines(node: TreeNode, lead: string, indent: string): Generator<string> {
  yield `${columns(node)}  ${lead}${jobText(node)}`;
  const { hidden, children } = node;
  for (const [at, child] of children.entries()) {
    const isLast = at === children.length - 1 && hidden.count === 0;
    yield* nodeLines(child, `${indent}${isLast ? "└─ " : "├─ "}`, `${indent}${isLast ? "   " : "│  "}`);
  }
  if (hidden.count === 0) return;
  const time = hidden.micros > 0 ? (hidden.micros / 1000).toFixed(1) : "";
  const what =
    children.length === 0
      ? `${hidden.count.toLocaleString("en")} below`
      : `and ${hidden.count.toLocaleString("en")} more`;
  yield `${time.padStart(12)} ${"".padStart(15)}  ${indent}└─ … ${what}, ${hidden.executed.toLocaleString("en")} executed`;
}

function columns({ how, micros, frames, fuel }: TreeNode): string {
  if (how === "hit") return `${"hit".padStart(12)} ${"".padStart(15)}`;
  const time = (micros / 1000).toFixed(1).padStart(12);
  if (how === "run") return `${time} ${fuel.toLocaleString("en").padStart(15)}${frames > 1 ? ` ${frames} frames` : ""}`;
  return `${time} ${(how === "ended" ? "no answer" : "suspended").padStart(15)}`;
}

/** What `coppice trace` prints: what a run's jobs were, as a tree in the terminal or a file for a trace viewer. What is read off the trace stands in src/run-tree.ts and src/chrome-trace.ts. */
import { closeSync, openSync, readSync, statSync, writeFileSync } from "node:fs";
import type { Engine, Oid, RunRecord, RunTree, TreeNode } from "../engine.ts";
import { OutputFailure, UsageError } from "./exit.ts";
import { endingText, jobText, requestAsked, timeText, type NamingOptions } from "./explain.ts";
import { nameOf, oneLine, printNote, write, type Printer } from "./output.ts";
import type { Session } from "./session.ts";

export interface TraceOptions extends NamingOptions {
  readonly order: "slow" | "call";
  readonly depth: number;
  readonly width: number;
  readonly oids?: true;
  readonly json?: true;
  readonly chrome?: string;
}

/** Prints a run's tree, or writes its trace to a file. */
export async function trace(
  session: Session,
  engine: Engine,
  first: string | undefined,
  options: TraceOptions,
): Promise<void> {
  const { printer } = session;
  const { request, path } = requestAsked(session, engine, [first], options);
  if (path !== undefined)
    throw new UsageError("trace takes no path; `coppice explain --last PATH` prints the requests of one");
  const { chrome, order, depth, width } = options;
  if (chrome !== undefined) {
    if (chrome === "") throw new UsageError("--chrome wants a file's path, and it is empty");
    if (chrome === "-" && options.json) throw new UsageError("--chrome - prints the trace itself, so not with --json");
    if (chrome !== "-") refuseOther(chrome);
    const whole = (await engine.chromeTrace(request)) ?? (await notKept(printer, engine, request));
    const text = `${JSON.stringify(whole)}\n`;
    if (chrome === "-") {
      await write(printer.out, text);
      return;
    }
    writeTrace(chrome, text);
    const { traceEvents, otherData } = whole;
    if (options.json) {
      const figures = { run: otherData.run, request, file: chrome, events: traceEvents.length };
      await write(printer.out, `${JSON.stringify(figures)}\n`);
    } else printNote(printer, `${traceEvents.length.toLocaleString("en")} events written to ${chrome}`);
    return;
  }
  const tree = (await engine.trace(request, { order, depth, width })) ?? (await notKept(printer, engine, request));
  await write(
    printer.out,
    options.json ? `${JSON.stringify(tree)}\n` : treeText(printer, tree, options.oids === true, Date.now()),
  );
}

/** How a trace begins that `--chrome` wrote. */
const traceHead = Buffer.from('{"traceEvents":', "latin1");

/** A trace may replace an earlier one, and no other file. What is no file takes what comes. */
function refuseOther(path: string): void {
  const entry = statSync(path, { throwIfNoEntry: false });
  if (entry?.isFile() !== true || entry.size === 0) return;
  const head = Buffer.alloc(traceHead.length);
  const file = openSync(path, "r");
  try {
    readSync(file, head, 0, head.length, 0);
  } finally {
    closeSync(file);
  }
  if (!head.equals(traceHead)) throw new UsageError(`${path} is there already, and is no trace`);
}

function writeTrace(path: string, text: string): void {
  try {
    writeFileSync(path, text);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).syscall === "write") throw new OutputFailure(path, error as Error);
    throw error;
  }
}

async function notKept(printer: Printer, engine: Engine, request: Oid): Promise<never> {
  const { how, run } = await engine.explain(request);
  if (how === "unanswered" && run !== undefined)
    throw new UsageError(`there is no trace: ${idleText(run, Date.now())}`);
  throw new UsageError(
    `no trace of an execution of ${nameOf(printer, request)} is kept: it never ran here, or the runs since have displaced it`,
  );
}

function idleText({ id, startedMs, totals }: RunRecord, nowMs: number): string {
  return `run ${id}, ${timeText(startedMs, nowMs)}, executed nothing of it (${endingText(totals?.ending ?? "unfinished")})`;
}

function treeText(printer: Printer, { run, idle, isCut, root }: RunTree, withNames: boolean, nowMs: number): string {
  const { totals } = run;
  const counts =
    totals === undefined
      ? "not ended"
      : `${totals.ending}; ${totals.executed.toLocaleString("en")} executed, ${totals.memoized.toLocaleString("en")} remembered, ${(totals.micros / 1000).toFixed(1)} ms`;
  const lines = [
    ...(idle === undefined ? [] : [`${idleText(idle, nowMs)}; the run that last did:`]),
    `run ${run.id}, request ${nameOf(printer, run.request)}, ${timeText(run.startedMs, nowMs)}: ${counts}`,
    ...(isCut ? ["the trace is cut short: what ended last is not in it"] : []),
    `${"ms".padStart(12)} ${"fuel".padStart(15)}${withNames ? "  request" : ""}`,
    ...nodeLines(root, "", "", withNames ? (name) => nameOf(printer, name) : undefined),
  ];
  return lines.map((line) => `${oneLine(line)}\n`).join("");
}

/** A job's line and those below it. `lead` stands before its own, `indent` before the others; `shown` is what its name is shown as, if it is. */
function* nodeLines(
  node: TreeNode,
  lead: string,
  indent: string,
  shown: ((name: Oid) => string) | undefined,
): Generator<string> {
  const name = shown === undefined ? "" : `  ${shown(node.request)}`;
  yield `${columns(node)}${name}  ${lead}${jobText(node)}`;
  const { hidden, children } = node;
  for (const [at, child] of children.entries()) {
    const isLast = at === children.length - 1 && hidden.count === 0;
    yield* nodeLines(child, `${indent}${isLast ? "└─ " : "├─ "}`, `${indent}${isLast ? "   " : "│  "}`, shown);
  }
  if (hidden.count === 0) return;
  const time = hidden.micros > 0 ? (hidden.micros / 1000).toFixed(1) : "";
  const what =
    children.length === 0
      ? `${hidden.count.toLocaleString("en")} below`
      : `and ${hidden.count.toLocaleString("en")} more`;
  yield `${time.padStart(12)} ${"".padStart(15)}${" ".repeat(name.length)}  ${indent}└─ … ${what}, ${hidden.executed.toLocaleString("en")} executed`;
}

function columns({ how, micros, frames, fuel }: TreeNode): string {
  if (how === "hit") return `${"hit".padStart(12)} ${"".padStart(15)}`;
  const time = (micros / 1000).toFixed(1).padStart(12);
  if (how === "run") return `${time} ${fuel.toLocaleString("en").padStart(15)}${frames > 1 ? ` ${frames} frames` : ""}`;
  return `${time} ${(how === "ended" ? "no answer" : "suspended").padStart(15)}`;
}

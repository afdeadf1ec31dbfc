/** What `coppice explain` prints: why a request ran, or did not, in words. What is found out stands in src/explaining.ts. */
import type {
  Cause,
  RequestDifference,
  RequestDifferences,
  Engine,
  Explanation,
  JobName,
  Oid,
  Outcome,
} from "../engine.ts";
import { UsageError } from "./exit.ts";
import { lastAsked, type LastAsked } from "./last-asked.ts";
import { namesObject, requestNamed } from "./naming.ts";
import { nameOf, oneLine, write, type Printer } from "./output.ts";
import type { CommonOptions, Session } from "./session.ts";

/** Lines of differences that are printed. */
const shownDifferencesMax = 20;

/** Options that name a request. */
export interface NamingOptions extends CommonOptions {
  readonly last?: true;
}

export interface ExplainOptions extends NamingOptions {
  readonly json?: true;
}

/** The request that is asked about, and what else was given. */
export function requestAsked(
  session: Session,
  engine: Engine,
  [first, second]: readonly (string | undefined)[],
  options: NamingOptions,
): LastAsked & { readonly path: string | undefined } {
  if (options.last === undefined) {
    if (first === undefined) throw new UsageError("which request? Name one by its oid, or say --last");
    return { request: requestNamed(engine, first), askedMs: undefined, path: second };
  }
  if (first !== undefined && namesObject(first))
    throw new UsageError("REQUEST and --last each name a request: give one of them");
  if (second !== undefined) throw new UsageError("with --last the request is known, and one PATH may follow");
  const asked = lastAsked(session.storePath(options), engine);
  if (asked === undefined) throw new UsageError("nothing was run in this store yet");
  return { ...asked, path: first };
}

/** Prints why a request ran, or the jobs about a path. */
export async function explain(
  session: Session,
  engine: Engine,
  texts: readonly (string | undefined)[],
  options: ExplainOptions,
): Promise<void> {
  const { printer } = session;
  const { request, askedMs, path } = requestAsked(session, engine, texts, options);
  const jobs = path === undefined ? [request] : await engine.jobsAt(request, path);
  if (jobs.length === 0)
    throw new UsageError(
      `no job of request ${request} is known to have been about ${path}; paths are from what it folds`,
    );
  const how = { ...(askedMs === undefined ? {} : { askedMs }), ...(path === undefined ? {} : { path }) };
  const explanations: Explanation[] = [];
  for (const job of jobs) explanations.push(await engine.explain(job, how));
  const text = options.json
    ? `${JSON.stringify({ jobs: explanations })}\n`
    : explanations.map((each) => explanationText(printer, each, Date.now())).join("\n");
  await write(printer.out, text);
}

/** Labelled lines. */
export function explanationText(printer: Pick<Printer, "cids">, explanation: Explanation, nowMs: number): string {
  const { request, how, run, micros, frames, askedBy, made, cause } = explanation;
  const lines: [label: string, text: string][] = [
    ["request", nameOf(printer, request)],
    ["job", jobText(explanation)],
  ];
  const where = run === undefined ? "" : ` in run ${run.id}, ${timeText(run.startedMs, nowMs)}`;
  const spent = micros > 0 ? `: ${(micros / 1000).toFixed(1)} ms` : "";
  const repeated = frames > 1 ? `, in ${frames} frames` : "";
  switch (how) {
    case "run":
      lines.push(["ran", `${where.trim()}${spent}${repeated}`]);
      break;
    case "hit":
      lines.push(["hit", `a memo answered${where}; nothing was executed for it`]);
      break;
    case "unanswered":
      lines.push(["no answer", `${where.trim()}: ${endingText(run?.totals?.ending ?? "unfinished")}`]);
      break;
    case "quarantined":
      lines.push(["no answer", quarantineText(explanation, where)]);
      break;
    case "unknown":
      lines.push(["unknown", "nothing is recorded of it: it never ran here, or that is long ago and forgotten"]);
      break;
  }
  if (explanation.forgottenMs !== undefined)
    lines.push(["outcome", `forgotten since, ${timeText(explanation.forgottenMs, nowMs)}`]);
  if (made !== undefined) {
    const maker = made.run === 0 ? "`coppice verify`, which found it and was settled to be right" : `run ${made.run}`;
    if (how !== "run" || made.run !== run?.id)
      lines.push(["made", `by ${maker}${made.startedMs === undefined ? "" : `, ${timeText(made.startedMs, nowMs)}`}`]);
    const detail = made.detail === undefined ? "" : ` (${made.detail})`;
    lines.push(["outcome", `${outcomeText(printer, made.outcome)}${detail}`]);
    const { count, first } = made.children;
    const more = count > first.length ? ` and ${(count - first.length).toLocaleString("en")} more` : "";
    const named = `${plural(count, "request")}: ${first.map(jobText).join(", ")}${more}`;
    lines.push(["spent", `fuel ${made.fuel.toLocaleString("en")}, ${plural(made.reads, "object")} read`]);
    lines.push(["asked for", count === 0 ? "nothing" : named]);
  }
  for (const other of explanation.others) {
    const who = other.run === 0 ? "another execution" : `run ${other.run}`;
    lines.push(["but", `${who} came to ${outcomeText(printer, other.outcome)}`]);
  }
  if (explanation.executedAt !== undefined)
    lines.push(["same as", `${jobText({ ...explanation, path: explanation.executedAt })}, where it was executed`]);
  if (askedBy !== undefined) lines.push(["asked by", jobText(askedBy)]);
  if (cause !== undefined) {
    const [reason, ...more] = causeLines(printer, cause, nowMs);
    lines.push(
      [how === "hit" ? "ran then" : "why", reason as string],
      ...more.map((line): [string, string] => ["", `  ${line}`]),
    );
  }
  return lines.map(([label, text]) => `${label.padEnd(9)} ${oneLine(text)}\n`).join("");
}

/** Of a run that was stopped by it, that one is named. */
function quarantineText({ request, run, quarantinedBy = request }: Explanation, where: string): string {
  const stopped = run?.totals?.ending === "quarantine" ? `${where.trim()}: ` : "";
  const who = quarantinedBy === request ? "it" : `${quarantinedBy}, which it consumed,`;
  return `${stopped}executions of ${who} differed, so what is remembered of it answers nobody, until \`coppice verify --resolve ${quarantinedBy}\` settles it`;
}

function causeLines(printer: Pick<Printer, "cids">, cause: Cause, nowMs: number): readonly string[] {
  switch (cause.why) {
    case "changed":
      return [
        `run ${cause.run} had another request at its place, ${nameOf(printer, cause.request)}:`,
        ...differenceLines(cause.differences),
      ];
    case "new": {
      const nothing = `run ${cause.run} had nothing at the place of ${jobText(cause.at)}`;
      return cause.latest === undefined
        ? [`${nothing}, and no run before this worker`]
        : [`${nothing}; the latest of the same worker:`, ...latestLines(printer, cause.latest)];
    }
    case "other":
      return ["no run before is like this one; the latest of the same worker:", ...latestLines(printer, cause)];
    case "first":
      return ["first time for this worker"];
    case "unanswered": {
      const how = cause.isReached ? "which began it," : "which was the same,";
      return [`run ${cause.run}, ${how} came to no answer: ${endingText(cause.ending)}`];
    }
    case "forgotten":
      return [`what was remembered of it was forgotten, ${timeText(cause.ms, nowMs)}`];
    case "again":
      return [`it was remembered from run ${cause.run}, and executed all the same: --rerun, or two processes at once`];
    case "gone":
      return [`run ${cause.run} had its outcome, which was not remembered any more; why not is not recorded`];
  }
}

function latestLines(
  printer: Pick<Printer, "cids">,
  {
    request,
    run,
    differences,
  }: { readonly request: Oid; readonly run: number; readonly differences: RequestDifferences },
): readonly string[] {
  return [`request ${nameOf(printer, request)} of run ${run}`, ...differenceLines(differences)];
}

function differenceLines({ first, count }: RequestDifferences): readonly string[] {
  const shown = first.slice(0, shownDifferencesMax);
  const more = count - shown.length;
  return [...shown.map(differenceText), ...(more > 0 ? [`… and ${more.toLocaleString("en")} more`] : [])];
}

function differenceText(difference: RequestDifference): string {
  const { path } = difference;
  switch (difference.what) {
    case "worker": {
      const { before, after, changed } = difference;
      return `${path} ${before === after ? after : `${before} -> ${after}`}: ${changed.join(", ")} changed`;
    }
    case "salt":
      return `salt ${JSON.stringify(difference.before)} -> ${JSON.stringify(difference.after)}`;
    case "std":
    case "argument": {
      const { before, after, status } = difference;
      return before === undefined || after === undefined
        ? `${path} ${status}`
        : `${path} ${JSON.stringify(before)} -> ${JSON.stringify(after)}`;
    }
  }
}

function outcomeText(printer: Pick<Printer, "cids">, outcome: Outcome): string {
  return outcome.kind === "failed"
    ? `failed (${outcome.code}): ${outcome.message}`
    : `${outcome.kind} ${nameOf(printer, outcome.oid)}`;
}

/** What a job is called. */
export function jobText({ worker, path }: JobName): string {
  return path === undefined ? worker : `${worker} at ${path}`;
}

/** What an ending other than a result means. */
export function endingText(ending: string): string {
  const known: Readonly<Record<string, string>> = {
    cancelled: "it was cancelled",
    host: "the machine's fault",
    missing: "an object was missing",
    cycle: "its requests form a circle",
    quarantine: "what was remembered of a request is quarantined: `coppice verify --resolve` lists it",
    unfinished: "it goes on, or its process was killed",
    bug: "a bug of Coppice",
    result: "it ended with a result before this was settled",
    failed: "it failed before this was settled",
  };
  return known[ending] ?? ending;
}

function plural(count: number, noun: string): string {
  return `${count.toLocaleString("en")} ${noun}${count === 1 ? "" : "s"}`;
}

const units = [
  ["day", 86_400],
  ["hour", 3600],
  ["minute", 60],
  ["second", 1],
] as const;

/** A time, and how long ago it was. */
export function timeText(ms: number, nowMs: number): string {
  const seconds = Math.max(0, Math.round((nowMs - ms) / 1000));
  const [unit, length] = units.find(([, each]) => seconds >= each) ?? (["second", 1] as const);
  return `${new Date(ms).toISOString().slice(0, 19).replace("T", " ")} UTC (${plural(Math.floor(seconds / length), unit)} ago)`;
}

/** `coppice verify`: executes remembered requests again and compares, lists what differed, and settles it. Also what `run` and `fold` do with `--verify`. */
import { executorsMax, type DescribedDivergence, type Engine, type Keep, type Oid, type Verified } from "../engine.ts";
import { describeDifference, describeOutcome } from "../first-difference.ts";
import { addCommand, timeoutOption, type Commands } from "./command.ts";
import { UsageError, errorJson, exitStatus, sentence, type ErrorKind } from "./exit.ts";
import { requestNamed } from "./naming.ts";
import { printError, printNote, shortList, write, type Printer } from "./output.ts";
import type { CommonOptions, RunningLimits, Session } from "./session.ts";

interface VerifyingOptions extends CommonOptions, RunningLimits {
  readonly all?: true;
  readonly sample?: number;
  readonly seed?: string;
  readonly json?: true;
  readonly resolve?: string | true;
  readonly keep?: Keep;
}

/** How often it is told how far a verification is where no terminal shows it. */
const lineEveryMs = 10_000;
const barWidth = 30;

const verifyExamples = [
  "verify --all",
  "verify REQUEST                     it and all that it consumed",
  "verify --sample 1000 --seed monday",
  "verify --resolve REQUEST --keep memo",
];

/** By their first word. */
export const verifyCommands: Commands = {
  verify: (session, parent) => {
    addCommand(
      parent,
      "verify",
      "execute remembered requests again, in fresh processes and under other flags of V8, and compare; what differs is quarantined with all that consumed it",
      verifyExamples,
    )
      .argument("[REQUEST...]", "requests by oid or CID, each with all that it consumed")
      .option("--all", "whatever is remembered")
      .option("--sample <N>", "so many of what is remembered, each as likely as any other", (text) =>
        wholeNumber("--sample", text),
      )
      .option("--seed <TEXT>", "which ones a sample takes (else others each time)")
      .option("--jobs <N>", "threads that execute at a time (else one for each core)", (text) =>
        wholeNumber("--jobs", text, executorsMax),
      )
      .option(...timeoutOption)
      .option("--json", "print one JSON object")
      .option("--resolve [REQUEST]", "list what differed and nobody has settled; with --keep, settle it")
      .option(
        "--keep <WHICH>",
        "memo: what consumed it is served again; new, the newest other outcome, or none: what consumed it is forgotten",
        keep,
      )
      .action((requests: string[], options: VerifyingOptions) => verify(session, requests, options));
  },
};

function wholeNumber(option: string, text: string, max = Number.MAX_SAFE_INTEGER): number {
  const count = Number(text);
  if (/^\d+$/.test(text) && count >= 1 && count <= max) return count;
  throw new UsageError(`${option} wants a whole number from 1 to ${max}, not ${JSON.stringify(text)}`);
}

function keep(text: string): Keep {
  if (text === "memo" || text === "new" || text === "none") return text;
  throw new UsageError(`--keep wants memo, new or none, not ${JSON.stringify(text)}`);
}

/** `--verify RATE`: a share from 0 to 1, or a percentage. */
export function verifyShare(text: string): number {
  const [, number, percent] = /^(\d+(?:\.\d+)?|\.\d+)(%?)$/.exec(text) ?? [];
  const share = Number(number) / (percent === "%" ? 100 : 1);
  if (number !== undefined && share <= 1) return share;
  throw new UsageError(`--verify wants a share from 0 to 1, or a percentage, not ${JSON.stringify(text)}`);
}

function verify(session: Session, texts: readonly string[], options: VerifyingOptions): Promise<void> {
  const { all, sample, resolve } = options;
  const ways = [texts.length > 0, all === true, sample !== undefined, resolve !== undefined].filter(Boolean).length;
  if (ways !== 1)
    throw new UsageError("name requests, or give one of --all, --sample N and --resolve, and not two of these");
  if (options.keep !== undefined && typeof resolve !== "string")
    throw new UsageError("--keep goes with --resolve REQUEST");
  if (options.seed !== undefined && sample === undefined) throw new UsageError("--seed goes with --sample N");
  return session.withStore(options, async (engine) => {
    if (resolve !== undefined) {
      await resolveQuarantine(session, engine, resolve === true ? undefined : requestNamed(engine, resolve), options);
      return;
    }
    const seed = options.seed ?? String(Date.now());
    const requests = texts.map((text) => requestNamed(engine, text));
    const selection = all
      ? "all"
      : sample === undefined
        ? ({ requests, as: "closure" } as const)
        : { count: sample, seed };
    const verified = await interruptible((signal) =>
      withProgress(session.printer, (onProgress) => engine.verify(selection, { signal, onProgress })),
    );
    await tell(
      session,
      verified,
      options.json === true,
      sample === undefined ? "" : `; the sample's --seed is ${seed}`,
    );
  });
}

/**
 * Verifies a share of what a run executed, before its result is told. Returns whether all of it was confirmed; else it has told why not in place of the result of `request`, and set the exit status.
 */
export async function verifyExecuted(
  session: Session,
  request: Oid,
  isJson: boolean,
  start: (options: { signal: AbortSignal; onProgress: (progress: Progress) => void }) => Promise<Verified>,
): Promise<boolean> {
  const verified = await interruptible((signal) =>
    withProgress(session.printer, (onProgress) => start({ signal, onProgress })),
  );
  const { printer } = session;
  session.status = statusOf(verified);
  const lines = reportLines(verified);
  // On stdout stands the result alone, if it may be told.
  if (!isJson && lines.length > 0) printer.err.write(`${lines.join("\n")}\n`);
  printNote(printer, summary(verified));
  if (session.status === 0) return true;
  const [kind, message] = refusalOf(request, verified);
  printError(printer, message);
  if (isJson) await write(printer.out, errorJson(kind, message, { verified: figures(verified) }));
  return false;
}

const beyondFirst = (count: number) => (count > 1 ? ` (and ${count - 1} more)` : "");

/** Why a run's result is not told. */
function refusalOf(
  request: Oid,
  { divergences, unverified, quarantined, isComplete }: Verified,
): [kind: ErrorKind, message: string] {
  const [differing] = divergences;
  if (!isComplete)
    return [
      "cancelled",
      `cancelled before what ran was verified; what it came to is remembered, and \`coppice verify ${request}\` verifies it`,
    ];
  if (differing !== undefined)
    return [
      "divergent",
      `request ${differing.request} differs when it is executed again${beyondFirst(divergences.length)}; settle it: coppice verify --resolve ${differing.request} --keep memo|new|none`,
    ];
  const [held] = quarantined;
  if (held !== undefined)
    return [
      "divergent",
      `request ${held} is quarantined, and was not executed again${beyondFirst(quarantined.length)}`,
    ];
  const [first] = unverified;
  return [
    "missing",
    `request ${first?.request} could not be verified: ${first?.reason}${beyondFirst(unverified.length)}`,
  ];
}

function statusOf({ divergences, unverified, quarantined, isComplete }: Verified): number {
  if (!isComplete) return exitStatus.cancelled;
  if (divergences.length > 0 || quarantined.length > 0) return exitStatus.divergent;
  return unverified.length > 0 ? exitStatus.missing : 0;
}

async function tell(session: Session, verified: Verified, isJson: boolean, more: string): Promise<void> {
  const { printer } = session;
  session.status = statusOf(verified);
  if (isJson) {
    await write(printer.out, `${JSON.stringify(figures(verified))}\n`);
    return;
  }
  const lines = reportLines(verified);
  if (lines.length > 0) await write(printer.out, `${lines.join("\n")}\n`);
  printNote(printer, `${summary(verified)}${more}`);
}

/** What `--json` says of a verification. */
function figures({ confirmed, divergences, unverified, quarantined, flags, isComplete, ms }: Verified) {
  return { confirmed, divergences, unverified, quarantined, flags, isComplete, ms: Math.round(ms) };
}

/** What was not confirmed, and why. */
function reportLines({ divergences, unverified, quarantined }: Verified): readonly string[] {
  const lines = divergences.flatMap((each) => [
    ...divergenceLines(each),
    `  quarantined with it: ${counted(each.consumers, "memo")} that consumed it`,
    `  settle it: coppice verify --resolve ${each.request} --keep memo|new|none`,
  ]);
  for (const { request, reason } of unverified)
    lines.push(`request ${request} could not be verified: ${sentence(reason)}`);
  if (quarantined.length > 0) {
    lines.push(`quarantined before, and not executed: ${shortList(quarantined)} (see coppice verify --resolve)`);
  }
  return lines;
}

function summary({ confirmed, divergences, unverified, quarantined, flags, isComplete, ms }: Verified): string {
  const parts = [
    `${counted(confirmed, "memo")} confirmed under ${flags.join(" and ")}`,
    `${divergences.length} differed`,
    ...(unverified.length > 0 ? [`${unverified.length} could not be verified`] : []),
    ...(quarantined.length > 0 ? [`${quarantined.length} quarantined before`] : []),
    `${(ms / 1000).toFixed(1)} s`,
  ];
  return `${isComplete ? "" : "cancelled; what was found is kept; "}${parts.join(", ")}`;
}

function divergenceLines({
  request,
  worker,
  path,
  found,
  remembered,
  came,
  difference,
}: DescribedDivergence): string[] {
  const where = path === undefined || path === "." ? "" : ` at ${path}`;
  const how = found === "run" ? "when a run executed it again" : `executed again (${found})`;
  return [
    `request ${request} differs: ${worker ?? "a worker that is not here any more"}${where}, ${how}`,
    `  remembered: ${sentence(describeOutcome(remembered.outcome))} (fuel ${remembered.fuel})`,
    `  found:      ${sentence(describeOutcome(came.outcome))} (fuel ${came.fuel})`,
    ...(difference.how === "outcome" ? [] : [`  ${sentence(describeDifference(difference))}`]),
  ];
}

const counted = (count: number, what: string) => `${count} ${what}${count === 1 ? "" : "s"}`;

/** Lists what differed, or settles it. */
async function resolveQuarantine(
  { printer }: Session,
  engine: Engine,
  request: Oid | undefined,
  options: VerifyingOptions,
): Promise<void> {
  const listed = await engine.divergences(request);
  if (request !== undefined && listed.length === 0) {
    const cause = engine.quarantineCause(request);
    throw new UsageError(
      cause === undefined
        ? `no executions of request ${request} have differed, as far as is known`
        : `request ${request} is quarantined because it consumed ${cause}, whose executions differed: settle that with coppice verify --resolve ${cause} --keep memo|new|none`,
    );
  }
  if (request === undefined || options.keep === undefined) {
    const text =
      options.json === true ? JSON.stringify({ divergences: listed }) : listed.flatMap(divergenceLines).join("\n");
    if (text !== "") await write(printer.out, `${text}\n`);
    if (options.json === undefined) {
      printNote(
        printer,
        listed.length === 0
          ? "nothing is to be settled: no executions have differed, or all that did are settled"
          : "--keep memo serves again what consumed it; --keep new or none forgets that, so that it is computed again",
      );
    }
    return;
  }
  const settlement = engine.settleQuarantine(request, options.keep);
  if (settlement === undefined) throw new UsageError(`request ${request} was settled meanwhile`);
  const { released, forgotten } = settlement;
  if (options.json === true)
    await write(printer.out, `${JSON.stringify({ request, kept: options.keep, released, forgotten })}\n`);
  else
    printNote(
      printer,
      `kept ${options.keep}; of what consumed it, ${counted(released, "memo")} released, ${forgotten} forgotten`,
    );
}

/** Ctrl-C ends the work and keeps what was found; a second one ends the process. */
async function interruptible<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const abort = new AbortController();
  const stop = () => {
    if (abort.signal.aborted) process.exit(exitStatus.cancelled);
    abort.abort();
  };
  process.on("SIGINT", stop);
  try {
    return await work(abort.signal);
  } finally {
    process.off("SIGINT", stop);
  }
}

interface Progress {
  readonly done: number;
  readonly due: number;
}

/** A bar on stderr where that is a terminal, else a line now and then. */
async function withProgress<T>({ err }: Printer, work: (hear: (progress: Progress) => void) => Promise<T>): Promise<T> {
  const isTerminal = (err as { isTTY?: boolean }).isTTY === true;
  const startedMs = performance.now();
  let shownMs = startedMs;
  let isShown = false;
  try {
    return await work((progress) => {
      const nowMs = performance.now();
      if (progress.due === 0 || nowMs - shownMs < (isTerminal ? 100 : lineEveryMs)) return;
      shownMs = nowMs;
      isShown = true;
      err.write(isTerminal ? `\r\u001b[K${bar(progress, nowMs - startedMs)}` : `${bar(progress, nowMs - startedMs)}\n`);
    });
  } finally {
    if (isShown && isTerminal) err.write("\r\u001b[K");
  }
}

function bar({ done, due }: Progress, elapsedMs: number): string {
  const full = Math.floor((barWidth * done) / due);
  const rate = Math.round((done / elapsedMs) * 1000);
  const drawn = `[${"#".repeat(full)}${".".repeat(barWidth - full)}]`;
  return `${drawn} ${Math.floor((100 * done) / due)} %, ${done} of ${due} executions, ${rate} a second`;
}

/** Commands that say what runs did: `explain` and `trace`. What they do is loaded when they are called. */
import { addCommand, cidOption, type Commands } from "./command.ts";
import { UsageError } from "./exit.ts";
import type { ExplainOptions } from "./explain.ts";
import type { TraceOptions } from "./trace.ts";

const explainExamples = [
  "explain --last                           why the last run ran, or did not",
  "explain --last src/main.ts               why the jobs about that file did",
  "explain REQUEST --json",
];

const traceExamples = [
  "trace --last                             where the last run's time went",
  "trace --last --order call --depth 3",
  "trace REQUEST --chrome run.json          for chrome://tracing and ui.perfetto.dev",
];

/** By their first word. */
export const explainCommands: Commands = {
  explain: (session, parent) => {
    cidOption(
      addCommand(parent, "explain", "tell why a request ran, or did not", explainExamples),
      "print CIDs in place of oids; not with --json",
    )
      .argument("[REQUEST]", "the request's oid or CID, as `run` and `fold` print it")
      .argument(
        "[PATH]",
        "the jobs about that path in what the request folds, from there; with --last the only argument",
      )
      .option("--last", "the request that was run or folded last, be it remembered or not")
      .option("--json", "print one JSON object: {jobs: [...]}, as `engine.explain` gives them")
      .action(async (first: string | undefined, second: string | undefined, options: ExplainOptions) => {
        const { explain } = await import("./explain.ts");
        await session.withStore(options, (engine) => explain(session, engine, [first, second], options));
      });
  },
  trace: (session, parent) => {
    cidOption(
      addCommand(parent, "trace", "draw what a request asked for when it ran: jobs, hits, time, fuel", traceExamples),
      "print CIDs in place of oids; not with --json",
    )
      .argument("[REQUEST]", "the request's oid or CID, as `run` and `fold` print it; one of a nested job, too")
      .option("--last", "the request that was run or folded last")
      .option("--order <slow|call>", "first what took longest, or what was asked for first", orderNamed, "slow")
      .option("--depth <N>", "levels below the request", (text) => countNamed("--depth", text), 4)
      .option("--width <N>", "jobs below each", (text) => countNamed("--width", text), 10)
      .option("--oids", "a column with the request of each job")
      .option("--json", "print one JSON object, as `engine.trace` gives it")
      .option(
        "--chrome <FILE>",
        "write all of it as Chrome's trace format to FILE, which is no other file yet; - is stdout",
      )
      .action(async (first: string | undefined, options: TraceOptions) => {
        const { trace } = await import("./trace.ts");
        await session.withStore(options, (engine) => trace(session, engine, first, options));
      });
  },
};

function orderNamed(text: string): "slow" | "call" {
  if (text === "slow" || text === "call") return text;
  throw new UsageError(`--order wants slow or call, not ${JSON.stringify(text)}`);
}

function countNamed(option: string, text: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new UsageError(`${option} wants a whole number, not ${JSON.stringify(text)}`);
}

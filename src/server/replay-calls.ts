/**
 * Repeats the calls of a transcript on a store, in their order, and compares what they come to: requests, trees, results and exit statuses by their names, and the texts that were shown. It ends at the first call that differs, since later ones name what that came to.
 *
 * Repeated is what follows from the call alone: an import is looked up among the transcript's objects, a checkout is not written again, and what came to no answer (the machine, a cancellation, a call that was refused) says
 * nothing that could be compared. Texts are not compared where they tell of the store (`explain`) or of this version of the engine (`diff`).
 */
import { existsSync } from "node:fs";
import type { Engine } from "../engine.ts";
import { ToolFault } from "./answer.ts";
import { callTool } from "./calls.ts";
import { noFolders } from "./folders.ts";
import type { ShownText } from "./shown-text.ts";
import { namesIn, type Calling } from "./tools.ts";
import {
  objectsFile,
  readObjects,
  readTranscript,
  type RecordedCall,
  type RecordedFacts,
  type RecordedFault,
} from "./transcript.ts";

export interface CallDifference {
  /** Of the transcript's calls, from 1. */
  readonly call: number;
  readonly tool: string;
  readonly what: string;
  readonly recorded: string;
  readonly here: string;
}

/** A checkout wrote to a folder; a refused call names what could not be used; one that came to no answer was ended by the machine, or cancelled. */
export type PassedBy = "checkout" | "refused" | "unanswered";

export interface ReplayedCalls {
  /** Calls that were looked at. */
  readonly calls: number;
  /** Those of them that were repeated and compared. */
  readonly compared: number;
  /** The others, by why they say nothing that could be compared: each is one of the three. */
  readonly passedBy: Readonly<Record<PassedBy, number>>;
  /** Jobs that were executed. */
  readonly executed: number;
  /** Calls that a memo answered. */
  readonly remembered: number;
  readonly first: CallDifference | undefined;
}

/** Replays the transcript in a file. Rejects with UsageError for what is none, with ToolFault for what can't be computed here, StoreFailure, or what the file system says. */
export async function replayCalls(
  calling: Pick<Calling, "engine" | "toolFolders" | "signal">,
  file: string,
): Promise<ReplayedCalls> {
  takeIn(calling.engine, file);
  const passedBy = { checkout: 0, refused: 0, unanswered: 0 };
  const seen = { calls: 0, compared: 0, passedBy, executed: 0, remembered: 0 };
  for (const recorded of readTranscript(file)) {
    seen.calls++;
    const why = whyPassedBy(recorded);
    if (why !== undefined) {
      passedBy[why]++;
      continue;
    }
    seen.compared++;
    const here = await repeat({ ...calling, folders: noFolders }, recorded);
    if (!(here instanceof ToolFault) && here["request"] !== null) {
      seen.executed += here.executed;
      if (here.remembered) seen.remembered++;
    }
    const first = compare(recorded, here);
    if (first === undefined) continue;
    const lost = existsSync(objectsFile(file)) ? "" : ` (${objectsFile(file)} is not there, which had the objects)`;
    return { ...seen, first: { call: seen.calls, tool: recorded.tool, ...first, here: first.here + lost } };
  }
  return { ...seen, first: undefined };
}

/** Puts the transcript's objects into the store. */
function takeIn(engine: Engine, file: string): void {
  for (const { name, object } of readObjects(file)) {
    // Transcripts of before may have commits, which the calls that named them did not take.
    if (engine.kindOf(name) === undefined && (object.kind === "blob" || object.kind === "tree"))
      engine.putObject(object);
  }
}

/** Faults that follow from a request; others are the machine's, or the caller's. */
const outcomes: readonly ToolFault["kind"][] = ["failed", "cycle"];

/** Undefined for a call that is repeated. */
function whyPassedBy({ tool, fault }: RecordedCall): PassedBy | undefined {
  if (fault === undefined) return tool === "checkout" ? "checkout" : undefined;
  if (outcomes.includes(fault.kind)) return undefined;
  return fault.kind === "usage" || fault.kind === "missing" ? "refused" : "unanswered";
}

/** What a call comes to here. */
async function repeat(calling: Calling, recorded: RecordedCall): Promise<RecordedFacts | ToolFault> {
  try {
    if (recorded.tool === "import") return importedHere(calling.engine, recorded);
    const { facts } = await callTool(calling, recorded);
    return facts;
  } catch (error) {
    if (!(error instanceof ToolFault)) throw error;
    // What the machine is to blame for is no difference.
    if (["host", "cancelled", "divergent", "bug"].includes(error.kind)) throw error;
    return error;
  }
}

function importedHere(engine: Engine, { answer }: RecordedCall): RecordedFacts | ToolFault {
  const [name] = namesIn(answer?.["result"]);
  if (answer !== undefined && name !== undefined && engine.kindOf(name) !== undefined) return answer;
  return new ToolFault("missing", `the store has no object ${name}`);
}

/** Before the name of what was shown. */
const textOf = "text of ";
/** Characters of a text that differs that are told. */
const excerptChars = 40;

type Names = Readonly<Record<string, string>>;

function compare(
  recorded: RecordedCall,
  here: RecordedFacts | ToolFault,
): Omit<CallDifference, "call" | "tool"> | undefined {
  const before = recorded.answer === undefined ? faultNames(recorded.fault) : namesOf(recorded.tool, recorded.answer);
  const after = here instanceof ToolFault ? faultNames(here) : namesOf(recorded.tool, here);
  const what = Object.keys({ ...before, ...after }).find((key) => before[key] !== after[key]);
  if (what === undefined) return undefined;
  const side = (names: Names) => {
    const { fault } = names;
    if (what === "fault") return fault ?? "an answer";
    const said = names[what];
    if (said !== undefined && what.startsWith(textOf)) {
      const from = Math.max(0, firstDifference(before[what] ?? "", after[what] ?? "") - excerptChars / 2);
      return `${what} ${JSON.stringify(said.slice(from, from + excerptChars))} (from character ${from} on)`;
    }
    if (said !== undefined) return `${what} ${said}`;
    return fault === undefined ? `no ${what}` : `no answer: ${fault}`;
  };
  return { what, recorded: side(before), here: side(after) };
}

/** Where two texts begin to differ. */
function firstDifference(one: string, other: string): number {
  let at = 0;
  while (at < one.length && one[at] === other[at]) at++;
  return at;
}

function faultNames(fault: RecordedFault | undefined): Names {
  const { failed } = fault ?? {};
  if (failed === undefined) return { fault: fault?.message ?? "" };
  return { request: failed.request, fault: `failed (${failed.code}): ${failed.message}` };
}

/** What is compared of an answer, the causes first. */
function namesOf(tool: string, facts: RecordedFacts): Names {
  const isOfTexts = tool === "explain" || tool === "diff";
  const named: [string, unknown][] = [
    ["request", facts.request],
    ["exit", facts.exit],
    ["tree", facts.tree],
    ["result", (facts["result"] as { readonly oid?: unknown } | undefined)?.oid],
    ...["stdout", "stderr", ...(isOfTexts ? [] : ["output"])].flatMap((key): [string, unknown][] => {
      const shown = facts[key] as Partial<ShownText> | undefined;
      return [
        [key, shown?.blob],
        [`${textOf}${key}`, shown?.text],
      ];
    }),
  ];
  return Object.fromEntries(
    named.flatMap(([key, value]) =>
      value === null || value === undefined ? [] : [[key, String(value as string | number)]],
    ),
  );
}

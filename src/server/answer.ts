/** What a tool answers, whatever it does: facts that programs read, by a schema, and the same as text for a model. */
import { z } from "zod";
import type { Engine, Oid, Run, RunResult } from "../engine.ts";
import { sentence, type ErrorKind } from "../cli/exit.ts";
import { listing } from "../cli/output.ts";
import { showText, type ShownText } from "./shown-text.ts";

/** An oid as clients write it. */
export const oidShape = z
  .string()
  .regex(/^[0-9a-f]{40}$/, "an oid is 40 lower-case hex digits")
  .describe("the oid of an object: 40 lower-case hex digits");

const nullableOid = (what: string) => oidShape.nullable().describe(what);

/** Shapes of what every answer has. */
export const commonShape = {
  request: nullableOid("names what was run: pass it to `explain`; null for what runs nothing"),
  tree: nullableOid("the tree to pass to the next call: what came of this one, or the tree that was given"),
  remembered: z.boolean().describe("true: the same call was answered before, and nothing was executed"),
  executed: z.int().describe("jobs that were executed for this call"),
  exit: z.int().nullable().describe("the exit status of a command; null for what is no command"),
};

/** The shape of a text. */
export const shownShape = z.object({
  blob: oidShape.describe("the blob that holds all of it, for `read`"),
  bytes: z.int().describe("length of that blob"),
  encoding: z
    .enum(["utf-8", "escaped", "binary"])
    .describe("escaped: bytes that are no UTF-8 stand as \\xNN; binary: the bytes are not shown"),
  text: z.string(),
  leftOut: z
    .object({ bytes: z.int(), lines: z.int() })
    .nullable()
    .describe("what was cut from the middle of a long text; a note in the text says how to read it"),
});

export interface Common {
  readonly request: Oid | null;
  readonly tree: Oid | null;
  readonly remembered: boolean;
  readonly executed: number;
  readonly exit: number | null;
}

/** A tool's answer. */
export interface Answer {
  /** What the tool's output schema describes. */
  readonly facts: Common & Readonly<Record<string, unknown>>;
  /** What a model reads before the common facts, what was asked for first. */
  readonly texts: readonly string[];
}

/** A run that came to a failed outcome. */
export interface FailedRun {
  readonly request: Oid;
  readonly code: string;
  readonly message: string;
}

/** Characters of a fault's sentence; what a client wrote may be in it. */
const faultCharactersMax = 4_096;

/** A call that comes to no answer, for the reason that `message` says in a sentence. */
export class ToolFault extends Error {
  override readonly name = "ToolFault";
  readonly kind: ErrorKind | "bug";
  /** Of a run that failed: the outcome, which follows from the request; the message may tell more, which is for people. */
  readonly failed: FailedRun | undefined;
  constructor(kind: ErrorKind | "bug", message: string, failed?: FailedRun, cause?: unknown) {
    const text = sentence(message);
    super(text.length > faultCharactersMax ? `${text.slice(0, faultCharactersMax)}...` : text, { cause });
    this.kind = kind;
    this.failed = failed;
  }
}

/** The common facts of a call that runs nothing and leaves the tree as it is. */
export function lookedAt(tree: Oid | null): Common {
  return { request: null, tree, remembered: false, executed: 0, exit: null };
}

/** The common facts of a run, as one line. */
export function commonLine({ request, tree, remembered, executed, exit }: Common): string {
  const parts = [
    exit === null ? undefined : `exit ${exit}`,
    tree === null ? undefined : `tree ${tree}`,
    request === null ? undefined : `request ${request}`,
    request === null ? undefined : remembered ? "remembered" : `${executed} executed`,
  ];
  return parts.filter((part) => part !== undefined).join(", ");
}

/** Text that no object of the store has yet: kept, so that what is cut of it can be read. */
export function shownNew(engine: Engine, text: string): ShownText {
  const body = Buffer.from(text, "utf8");
  return showText(engine.putBlob(body), body);
}

/** A blob's text, or a tree's listing. */
export function shownObject(engine: Engine, name: Oid): ShownText {
  const { kind, body } = engine.get(name);
  return kind === "tree" ? shownNew(engine, listing({ cids: false }, engine.list(name))) : showText(name, body);
}

/** Waits for a run and tells its progress. Rejects as the run does, with ToolFault for a failed outcome. */
export async function settled(
  run: Run,
  onProgress: ((executed: number) => void) | undefined,
): Promise<RunResult & { readonly outcome: { readonly kind: "blob" | "tree"; readonly oid: Oid } }> {
  if (onProgress !== undefined)
    for await (const event of run.events) if (event.type === "progress") onProgress(event.executed);
  const result = await run;
  const { outcome, request, detail } = result;
  if (outcome.kind !== "failed") return { ...result, outcome };
  const cause = detail === undefined ? "" : ` (${detail})`;
  const { code, message } = outcome;
  throw new ToolFault("failed", `request ${request} failed: ${message}${cause}`, { request, code, message });
}

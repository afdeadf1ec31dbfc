/**
 * Non-answers: what a request comes to when it has neither a result nor a failed outcome (spec, sections 2 and 5). Never memoized,
 * never seen by a guest; contagious to every request that needs it. Plain values, since they cross threads.
 */
import { andSources, describeQuarantine } from "../store/errors.ts";
import type { Oid } from "../store/oid.ts";

export type NonAnswer =
  /** The machine's fault: disk, memory, native stack, wall clock, a killed executor, an unknown runtime. `stoppedAfterMs`: it was the wall clock, which allowed so much. */
  | { readonly kind: "host"; readonly message: string; readonly stoppedAfterMs?: number }
  /** An object that is named and not to be had, neither in the store nor in the repositories that it reads from, if there are any. */
  | { readonly kind: "missing"; readonly oid: Oid; readonly sources?: readonly string[] }
  /** Requests that wait for each other, in the order of asking; the last one asks for the first. */
  | { readonly kind: "cycle"; readonly requests: readonly Oid[] }
  /** Two executions of `origin` differed, which is the request or one that it consumed. */
  | { readonly kind: "quarantine"; readonly request: Oid; readonly origin: Oid }
  | { readonly kind: "cancelled" };

/** Thrown where a request comes to a non-answer, and by the engine to whoever asked for the run. */
export class NonAnswerError extends Error {
  override readonly name = "NonAnswerError";
  readonly answer: NonAnswer;
  constructor(answer: NonAnswer, cause?: unknown) {
    super(describeNonAnswer(answer), { cause });
    this.answer = answer;
  }
}

/** One sentence for a person; a cycle is listed request by request. */
export function describeNonAnswer(answer: NonAnswer): string {
  switch (answer.kind) {
    case "host":
      return answer.message;
    case "missing":
      return `object ${answer.oid} is needed and not in the store${andSources(answer.sources ?? [])}`;
    case "cycle":
      return `the requests wait for each other: ${[...answer.requests, answer.requests[0]].join(" -> ")}`;
    case "quarantine":
      return describeQuarantine(answer.request, answer.origin);
    case "cancelled":
      return "cancelled";
  }
}

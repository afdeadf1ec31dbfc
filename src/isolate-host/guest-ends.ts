/** How executions of wasm guests end: what was thrown, what was spent, and what that makes of the frame. */
import { failureTexts } from "../abi/error-texts.ts";
import { NonAnswerError } from "../abi/non-answer.ts";
import { workerName } from "../abi/worker.ts";
import type { FrameEnd } from "../scheduler/settle.ts";
import { failure, type Outcome } from "../store/outcome.ts";
import { GuestFailed, Unwind, type Frame, type FrameHost } from "./frame.ts";
import type { fuelLeft } from "./wasm/meter.ts";

/** Fuel that was spent, and the limit that was passed. */
export type Spending = ReturnType<typeof fuelLeft>;

export const nothingSpent: Spending = { spent: 0, passed: undefined };

export function passedLimit(passed: "fuel" | "depth"): Outcome {
  return failure("limit", passed === "fuel" ? failureTexts.outOfFuel : failureTexts.calledTooDeep);
}

/** A frame with an outcome; its log is heard now. */
export function completed(
  host: FrameHost,
  frame: Frame,
  outcome: Outcome,
  detail: string | undefined,
  fuel: number,
): FrameEnd {
  if (frame.log.length > 0) host.onLog(frame.job, frame.log);
  return { how: "completed", memo: { outcome, detail, fuel, reads: [...frame.reads] } };
}

/** What a thrown thing means for the frame. What is no guest's doing goes on up. */
export function endedBy(
  host: FrameHost,
  frame: Frame,
  error: unknown,
  { spent, passed }: Spending,
  describeLimit: (passed: "fuel" | "depth") => string,
): FrameEnd {
  if (error instanceof Unwind) return { how: "missed" };
  const name = () => workerName(host.objects, frame.job.request.std, frame.job.request.image);
  const ended = (outcome: Outcome, detail: string | undefined) => completed(host, frame, outcome, detail, spent);
  if (error instanceof GuestFailed) return ended(error.failure, error.detail);
  if (error instanceof WebAssembly.RuntimeError) {
    if (passed !== undefined) return ended(passedLimit(passed), `${name()}: ${describeLimit(passed)}`);
    return ended(frame.fail("trap", failureTexts.trapped), `${describeTrap(error)} of ${name()}`);
  }
  if (error instanceof WebAssembly.Exception) {
    return ended(frame.fail("trap", failureTexts.threw), `an exception left ${name()}`);
  }
  if (error instanceof RangeError && /call stack/.test(error.message)) {
    return { how: "needs-empty-stack", why: `request ${frame.job.request.oid} overflowed the native stack` };
  }
  // V8 says so of a memory, and of a buffer for what a command writes.
  if (error instanceof RangeError && /memory|allocation/i.test(error.message)) {
    throw new NonAnswerError({ kind: "host", message: `no memory for a guest: ${error.message}` }, error);
  }
  throw error;
}

/** For people: V8's words, and the function where the name section has one. */
function describeTrap(error: Error): string {
  // The first frame of the stack that is wasm; names may have spaces and brackets.
  const at = /^ *at (?:(.+) \()?wasm:\/\/wasm\/.*?:wasm-function\[(\d+)\]/m.exec(error.stack ?? "");
  const place = at === null ? "" : ` in ${at[1] === undefined ? `function ${at[2]}` : `function ${at[1]}`}`;
  return `${error.message}${place}`;
}

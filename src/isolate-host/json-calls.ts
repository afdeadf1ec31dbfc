/** The ops of `caos_abi_v1` (spec, section 4) on a frame: a typed call, or what parsing found wrong with it, to the JSON that answers it. */
import {
  blobAnswer,
  emptyAnswer,
  errorAnswer,
  hashAnswer,
  jobAnswer,
  outcomeAnswer,
  outcomesAnswer,
  treeAnswer,
} from "../abi/answer.ts";
import type { GuestCall } from "../abi/call.ts";
import { errorText, type ErrorNumber } from "../abi/error-numbers.ts";
import type { ErrorText } from "../abi/error-texts.ts";
import type { Outcome } from "../store/outcome.ts";
import { decodeTree, encodeTree } from "../store/tree.ts";
import type { Frame } from "./frame.ts";

/** Answers a call. Throws what the frame's operations throw. */
export function serveJson(frame: Frame, call: GuestCall | ErrorText): Buffer {
  if (typeof call === "string") return errorAnswer(call);
  switch (call.op) {
    case "job":
      return jobAnswer(frame.job.request);
    case "tree":
      return answer(frame.tree(call.hash), (body) => treeAnswer(decodeTree(body)));
    case "get":
      return answer(frame.blob(call.hash), blobAnswer);
    case "put_blob":
      return answer(frame.putBlob(call.bytes), hashAnswer);
    case "put_tree":
      return answer(frame.putTree(encodeTree(call.entries)), hashAnswer);
    case "run":
      return answer(frame.run([call.call]), (outcomes) => outcomeAnswer(outcomes[0] as Outcome));
    case "run_many":
      return answer(frame.run(call.calls), outcomesAnswer);
    case "out":
      return answer(frame.out(call.kind, call.hash) ?? emptyAnswer, (empty) => empty);
    case "log":
      frame.addLine(call.msg);
      return emptyAnswer;
  }
}

function answer<T extends object | string>(value: T | ErrorNumber, spell: (value: T) => Buffer): Buffer {
  return typeof value === "number" ? errorAnswer(errorText(value)) : spell(value);
}

/** What a thrown error means to whoever waits for a request: errors of the store, the machine and the scheduler are non-answers, and anything else is a bug. */
import { MalformedRequest } from "../abi/request.ts";
import { NonAnswerError, type NonAnswer } from "../abi/non-answer.ts";
import {
  CollidingObject,
  CorruptObject,
  MissingObject,
  OversizeObject,
  QuarantinedMemo,
  StaleRun,
  StaleStore,
  StoreFailure,
} from "../store/store.ts";

const hostErrors = [
  StoreFailure,
  CorruptObject,
  CollidingObject,
  StaleStore,
  StaleRun,
  OversizeObject,
  MalformedRequest,
];

/** The non-answer that a thrown error means; undefined when nothing was thrown. A bug is thrown on. */
export function asNonAnswer(work: () => void): NonAnswer | undefined {
  try {
    work();
    return undefined;
  } catch (error) {
    if (error instanceof NonAnswerError) return error.answer;
    if (error instanceof MissingObject) {
      const { oid, sources } = error;
      return sources.length === 0 ? { kind: "missing", oid } : { kind: "missing", oid, sources };
    }
    if (error instanceof QuarantinedMemo) {
      return { kind: "quarantine", request: error.request, origin: error.origin };
    }
    if (hostErrors.some((each) => error instanceof each)) return { kind: "host", message: (error as Error).message };
    throw error;
  }
}

/** Processes for scripts as the thread of an executor gets them: it asks the engine's own thread, which starts them and waits for their ends (script-process.ts). */
import { receiveMessageOnPort, type MessagePort } from "node:worker_threads";
import { NonAnswerError } from "../abi/non-answer.ts";
import type { FromExecutor, ToExecutor } from "./message.ts";
import type { ChildSource } from "./script-guests.ts";
import type { StatusBoard } from "./status-board.ts";

/** Children by way of the port that an executor was started with. A thread that runs a dispatch is sent nothing else than what it asks for. */
export function askedChildren(port: MessagePort, board: StatusBoard): ChildSource {
  const tell = (message: FromExecutor) => port.postMessage(message);
  return {
    open: () => {
      const seen = board.answers;
      tell({ type: "childWanted" });
      // The guests on this thread's stack wait as well, so nothing here may give way.
      board.awaitAnswer(seen);
      const message = receiveMessageOnPort(port)?.message as ToExecutor | undefined;
      if (message?.type === "noChild") throw new NonAnswerError(message.answer);
      if (message?.type !== "child") throw new Error(`a process was asked for, and the answer is ${message?.type}`);
      return message.pipes;
    },
    closed: () => tell({ type: "childClosed" }),
    hearsOut: (isHearing) => (board.hearsOut = isHearing),
    waits: (isWaiting) => (board.waits = isWaiting),
    isCancelled: () => board.cancelled,
  };
}

/** A fresh process that verifies, as the engine sees it: seats that each take some requests at a time. It is started when first needed, and again when it dies. */
import { fork, type ChildProcess } from "node:child_process";
import { extname } from "node:path";
import { fileURLToPath } from "node:url";
import type { NonAnswer } from "../abi/non-answer.ts";
import type { Oid } from "../store/oid.ts";
import type { Verdict } from "./message.ts";
import type { FromVerifying, ToVerifying, VerifyingStart } from "./verifying-process.ts";

export interface VerifyingPoolOptions extends VerifyingStart {
  /** Flags of V8 for the process and its threads. */
  readonly flags: readonly string[];
}

/** Processes that may die one after the other with nothing verified in between: a further one would, too. */
const deathsMax = 3;

/** Whoever waits for a seat. */
interface Waiting {
  readonly hear: (verdict: Verdict) => void;
  readonly progress: (done: number) => void;
  readonly land: (answer: NonAnswer | undefined) => void;
}

export class VerifyingPool {
  readonly #options: VerifyingPoolOptions;
  readonly #waiting = new Map<number, Waiting>();
  #process: ChildProcess | undefined;
  #isClosing = false;
  /** Since a seat landed last. */
  #deaths = 0;

  constructor(options: VerifyingPoolOptions) {
    this.#options = options;
  }

  get seats(): number {
    return this.#options.executors;
  }

  /** Verifies requests in a seat that has nothing to do. What is not confirmed is told meanwhile, perhaps twice. Settles to the answer because of which not all of them were verified. */
  verify(
    seat: number,
    requests: readonly [Oid, ...Oid[]],
    hear: Waiting["hear"],
    progress: Waiting["progress"],
  ): Promise<NonAnswer | undefined> {
    if (this.#deaths >= deathsMax) {
      return Promise.resolve({ kind: "host", message: `no process that verifies lives: ${deathsMax} have ended` });
    }
    return new Promise((land) => {
      this.#waiting.set(seat, { hear, progress, land });
      this.#process ??= this.#start();
      this.#process.send({ type: "verify", seat, requests } satisfies ToVerifying);
    });
  }

  /** Ends the process; what runs is cancelled. */
  async close(): Promise<void> {
    const child = this.#process;
    if (child === undefined) return;
    const ended = new Promise((resolve) => child.once("exit", resolve));
    // Asked once, it closes the channel itself.
    if (child.connected && !this.#isClosing) child.send({ type: "close" } satisfies ToVerifying);
    this.#isClosing = true;
    await ended;
  }

  #start(): ChildProcess {
    const { flags, ...start } = this.#options;
    // Beside this file as a source and as a built module; a bundle lies above the built modules.
    const extension = extname(import.meta.url);
    const place = extension === ".cjs" ? "./isolate-host/" : "./";
    const program = new URL(`${place}verifying-process${extension === ".ts" ? ".ts" : ".js"}`, import.meta.url);
    const child = fork(fileURLToPath(program), [JSON.stringify(start)], {
      execArgv: [...flags],
      // Guests see nothing of the host, and the host's own code needs nothing of the environment.
      env: {},
      serialization: "advanced",
      stdio: ["ignore", "ignore", "inherit", "ipc"],
    });
    child.on("message", (message: FromVerifying) => {
      const waiting = this.#waiting.get(message.seat);
      switch (message.type) {
        case "verdict":
          waiting?.hear(message.verdict);
          return;
        case "progress":
          waiting?.progress(message.done);
          return;
        case "landed":
          this.#deaths = 0;
          this.#waiting.delete(message.seat);
          waiting?.land(message.answer);
          return;
      }
    });
    const gone = (how: string) => {
      if (this.#process === child) {
        this.#process = undefined;
        this.#deaths++;
      }
      const all = [...this.#waiting.values()];
      this.#waiting.clear();
      for (const { land } of all) land({ kind: "host", message: `the process that verified ${how}` });
    };
    child.on("error", (error) => gone(`failed: ${error.message}`));
    child.on("exit", (code, signal) => gone(`ended with ${signal ?? `code ${code}`}`));
    return child;
  }
}

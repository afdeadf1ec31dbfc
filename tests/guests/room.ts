/** An engine on a temporary store for one file of tests, and what running guests in it takes. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll } from "vitest";
import {
  openEngine,
  type Arg,
  type Engine,
  type EngineOptions,
  type RunOptions,
  type RunResult,
} from "../../src/engine.ts";
import { NonAnswerError, type NonAnswer } from "../../src/abi/non-answer.ts";
import { hashObject } from "../../src/store/object.ts";
import type { Oid } from "../../src/store/oid.ts";
import { script, type ScriptOptions, type Step } from "./script.ts";

/** Runs `work` on an engine whose store is a fresh file, and removes both. */
export async function withEngine<T>(
  options: Omit<EngineOptions, "store">,
  work: (engine: Engine, storePath: string) => Promise<T>,
): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), "coppice-guests-"));
  const storePath = join(folder, "store.db");
  try {
    const engine = openEngine({ ...options, store: storePath });
    try {
      return await work(engine, storePath);
    } finally {
      await engine.close();
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** One engine for all tests of the file that calls this. */
export function sharedRoom(options: Omit<EngineOptions, "store"> = {}): Room {
  const room = new Room();
  beforeAll(() => {
    room.open(options);
  });
  afterAll(() => room.close());
  return room;
}

export class Room {
  #folder = "";
  #engine: Engine | undefined;

  open(options: Omit<EngineOptions, "store">): void {
    this.#folder = mkdtempSync(join(tmpdir(), "coppice-guests-"));
    this.#engine = openEngine({ ...options, store: this.storePath });
  }

  async close(): Promise<void> {
    await this.#engine?.close();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  get storePath(): string {
    return join(this.#folder, "store.db");
  }

  get engine(): Engine {
    if (this.#engine === undefined) throw new Error("the room is not open yet");
    return this.#engine;
  }

  blob(content: string | Uint8Array): Oid {
    return this.engine.putBlob(typeof content === "string" ? Buffer.from(content, "utf8") : content);
  }

  /** Adds the module and runs it. */
  run(module: Uint8Array, args: Readonly<Record<string, Arg>> = {}, options: RunOptions = {}): Promise<RunResult> {
    return this.engine.run({ worker: this.engine.addWorker(module), args, ...options });
  }

  /** What a script was answered, call by call. */
  async answers(steps: readonly Step[], options: ScriptOptions = {}, run: RunOptions = {}): Promise<string[]> {
    return lines(this.engine, await this.run(script(steps, options), {}, run));
  }

  /** The answer to the only call of a script. */
  async answer(step: Step): Promise<string> {
    const [only, ...more] = await this.answers([step]);
    if (only === undefined || more.length > 0) throw new Error("one step was to give one answer");
    return only;
  }
}

/** The lines of a result. Throws when the run has failed. */
export function lines(engine: Engine, { outcome }: RunResult): string[] {
  if (outcome.kind === "failed") throw new Error(`the guest failed: ${outcome.message}`);
  const text = Buffer.from(engine.get(outcome.oid).body).toString("utf8");
  if (!text.endsWith("\n") && text !== "") throw new Error("the result does not end a line");
  return text.split("\n").slice(0, -1);
}

/** The name that a blob of this content has or would have. */
export function blobOid(content: string | Uint8Array): Oid {
  return hashObject("blob", typeof content === "string" ? Buffer.from(content, "utf8") : content);
}

/** The non-answer that a run comes to. Throws when it comes to anything else. */
export async function nonAnswer(run: Promise<RunResult>): Promise<NonAnswer> {
  try {
    const { outcome } = await run;
    throw new Error(`there is an outcome: ${JSON.stringify(outcome)}`);
  } catch (error) {
    if (error instanceof NonAnswerError) return error.answer;
    throw error;
  }
}

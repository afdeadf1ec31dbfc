/** What every command works with: where its store is, where it prints to, and the status that it ends with. */
import { resolve } from "node:path";
import { openEngine, type Engine } from "../engine.ts";
import { UsageError } from "./exit.ts";
import { isPath } from "./naming.ts";
import type { Printer } from "./output.ts";
import type { Settings } from "./settings.ts";

/** Options of every command that opens a store. */
export interface CommonOptions {
  readonly store?: string;
  readonly cid?: true;
}

/** Options of every command that runs something. No result depends on them. */
export interface RunningLimits {
  /** Executors that run jobs at a time. */
  readonly jobs?: number;
  /** Seconds that a job may run on its own. */
  readonly timeout?: number;
}

/** What one call of the command works with. */
export class Session {
  readonly printer: Printer;
  status = 0;
  readonly #settings: Settings;
  readonly #environment: NodeJS.ProcessEnv;

  constructor(settings: Settings, environment: NodeJS.ProcessEnv, printer: Printer) {
    this.#settings = settings;
    this.#environment = environment;
    this.printer = printer;
  }

  /** `withEngine`, for what only looks at a store: one that is not there is not made. */
  async withStore<T>(options: CommonOptions & RunningLimits, work: (engine: Engine) => Promise<T> | T): Promise<T> {
    const path = this.storePath(options);
    if (!isPath(path)) throw new UsageError(`there is no store ${path}; what runs or imports makes one`);
    return this.withEngine(options, work);
  }

  /** The store's file. */
  storePath({ store }: CommonOptions): string {
    if (store === "") throw new UsageError("--store wants a file's path, and it is empty");
    return store === undefined ? this.#settings.store : resolve(store);
  }

  /** Opens the engine for `work`, and closes it whatever happens. */
  async withEngine<T>(options: CommonOptions & RunningLimits, work: (engine: Engine) => Promise<T> | T): Promise<T> {
    const { jobs, timeout } = options;
    const path = this.storePath(options);
    const executors = jobs === undefined ? {} : { executors: jobs };
    const wallClock = timeout === undefined ? {} : { wallClockMsMax: timeout * 1000 };
    const engine = openEngine({ store: path, environment: this.#environment, ...executors, ...wallClock });
    try {
      return await work(engine);
    } finally {
      await engine.close();
    }
  }
}

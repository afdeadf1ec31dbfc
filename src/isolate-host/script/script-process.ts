/**
 * Processes that run scripts (child.ts), for the thread that starts them. That is the engine's own one, whatever thread a process works for: Node waits for a process's end in the thread that started it alone, and one whose
 * thread is gone by then stays in the system's table as long as this process lives.
 *
 * Pipes are two FIFOs, since what Node makes for a child are sockets that can't be read blocking. They are gone from the folder as soon as they are open.
 */
import type { ChildProcess } from "node:child_process";
import { closeSync, mkdtempSync, openSync, realpathSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { NonAnswerError } from "../../abi/non-answer.ts";
import { residentBytes } from "./resident-bytes.ts";

export interface ScriptProcessOptions {
  /** Bound of the isolate's heap. All jobs of a process share it. */
  readonly heapMb: number;
  /**
   * Milliseconds after which the process ends itself in a turn, as far as V8 lets itself be interrupted. It is for processes whose engine is gone: an engine that is there watches the clock, and kills. The default is ten minutes.
   */
  readonly turnMs?: number;
  /** Flags of V8 for the process. No outcome may depend on them. Default: none. */
  readonly flags?: readonly string[];
}

/** The ends of a process's pipes that are this process's, as file descriptors: any thread of it may read and write them. */
export interface ScriptPipes {
  readonly toChild: number;
  readonly fromChild: number;
}

/** Heap of an executor's process, which all of its jobs share. */
export const scriptHeapMbMax = 512;
/** Memory that a process of scripts may take, all told: who watches it ends one that takes more. */
export const childBytesMax = 1 << 30;
/** See `turnMs`. */
export const defaultTurnMsMax = 600_000;

/** Stack of the process's own code; guests have 984 of it. */
const hostStackKb = 1400;

/** Loaded when a process is started: most engines run no script for long. */
const processes = () => process.getBuiltinModule("node:child_process");

export class ScriptProcess {
  readonly pipes: ScriptPipes;
  /** Undefined when it could not be started, which its pipe's end tells too. */
  readonly pid: number | undefined;
  /** Settles when it has ended and was waited for, should this thread live that long. */
  readonly ended: Promise<void>;
  readonly #process: ChildProcess;
  #hasEnded = false;
  #arePipesOpen = true;

  /** Starts a process; it is ready a tenth of a second later. It keeps nobody from ending. Throws NonAnswerError where its pipes can't be made. */
  constructor(options: ScriptProcessOptions) {
    try {
      ({ pipes: this.pipes, process: this.#process } = startWithPipes(options));
    } catch (error) {
      const { message } = error as Error;
      throw new NonAnswerError({ kind: "host", message: `no process for scripts can be started: ${message}` }, error);
    }
    this.pid = this.#process.pid;
    this.#process.unref();
    this.ended = new Promise((resolve) => {
      const end = () => {
        this.#hasEnded = true;
        resolve();
      };
      this.#process.once("exit", end);
      // A process that can't be started is the end of its pipe, too.
      this.#process.once("error", end);
    });
  }

  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /** Waits for its end, and keeps this thread until then. */
  awaitEnd(): Promise<void> {
    this.#process.ref();
    return this.ended;
  }

  /** Memory that it holds in the machine's, in bytes; undefined when that is not to be known. */
  residentBytes(): number | undefined {
    return this.pid === undefined || this.#hasEnded ? undefined : residentBytes(this.pid);
  }

  /** Ends it, if it has not ended by itself. Whoever waits at its pipes comes back. */
  kill(): void {
    if (!this.#hasEnded) this.#process.kill("SIGKILL");
  }

  /** For when nobody uses its pipes any more: ends it, and closes them. */
  release(): void {
    this.kill();
    if (!this.#arePipesOpen) return;
    this.#arePipesOpen = false;
    closeSync(this.pipes.toChild);
    closeSync(this.pipes.fromChild);
  }
}

function startWithPipes({ heapMb, turnMs = defaultTurnMsMax, flags = [] }: ScriptProcessOptions): {
  readonly pipes: ScriptPipes;
  readonly process: ChildProcess;
} {
  const folder = mkdtempSync(join(tmpdir(), "coppice-script-"));
  try {
    const [input, output] = [join(folder, "in"), join(folder, "out")];
    processes().execFileSync("mkfifo", ["-m", "600", input, output]);
    // While both directions are open here, opening one end waits for nobody.
    const held = [openSync(input, "r+"), openSync(output, "r+")];
    const ends = [openSync(input, "r"), openSync(output, "w")] as const;
    const pipes = { toChild: openSync(input, "w"), fromChild: openSync(output, "r") };
    const started = start(ends, flags, [heapMb, turnMs]);
    // The process alone has its ends now, so that its death is the end of the pipe.
    for (const each of [...held, ...ends]) closeSync(each);
    return { pipes, process: started };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Starts the process on those ends of the pipes, with nothing of this one's environment, and leave to read its own files alone. */
function start(
  [input, output]: readonly [number, number],
  flags: readonly string[],
  numbers: readonly number[],
): ChildProcess {
  const extension = extname(import.meta.url);
  // Beside this file as a source and as a built module; a bundle lies above the built modules.
  const place = extension === ".cjs" ? "./isolate-host/script/" : "./";
  const here = realpathSync(fileURLToPath(new URL(place, import.meta.url)));
  const program = join(here, `child${extension === ".ts" ? ".ts" : ".cjs"}`);
  const addon = addonFile();
  const readable = [here, join(here, "..", "..", "abi"), addon];
  return processes().spawn(
    process.execPath,
    [
      "--no-node-snapshot",
      // Nobody reads them, and to say that addons are allowed takes a tenth of the start.
      "--no-warnings",
      "--no-flush-bytecode",
      `--stack-size=${hostStackKb}`,
      ...flags,
      "--permission",
      "--allow-addons",
      ...readable.map((folder) => `--allow-fs-read=${folder}`),
      program,
      addon,
      ...numbers.map(String),
    ],
    { stdio: [input, output, "ignore"], env: { TZ: "UTC", LC_ALL: "C" } },
  );
}

/** Where isolated-vm's native code for this machine is: the process loads that file and nothing around it, so that it need not be let read any package. */
function addonFile(): string {
  const requireHere = createRequire(import.meta.url);
  const main = requireHere.resolve("isolated-vm");
  const { path } = createRequire(main)("node-gyp-build") as { path: (folder: string) => string };
  return realpathSync(path(dirname(main)));
}

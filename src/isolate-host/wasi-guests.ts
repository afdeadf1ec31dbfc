/**
 * Runs commands (`coppice-wasi/1`): WebAssembly modules that export `memory` and `_start`, on WASI preview 1 over the tree that they are given (abi/command.ts has their args and results). Each execution has an instance that is fresh or can't
 * be told from a fresh one, on the thread that asks.
 *
 * A command makes no nested requests, so at most one is live on a thread. One that exits unwinds as other guests do (unwinding-trap.ts).
 */
import { putCommandResult, readCommandArgs } from "../abi/command.ts";
import { commandTexts } from "../abi/error-texts.ts";
import { defaultCommandLimits, describeCommandLimit, type CommandLimits } from "../abi/limits.ts";
import type { RuntimeNode } from "../abi/worker.ts";
import type { FrameEnd, Job } from "../scheduler/settle.ts";
import type { Oid } from "../store/oid.ts";
import { failure } from "../store/outcome.ts";
import { Frame, GuestFailed, logLineBytesMax, type FrameHost } from "./frame.ts";
import { completed, endedBy, nothingSpent, passedLimit } from "./guest-ends.ts";
import { GuestModules, prepared, type GuestKind, type Prepared } from "./guest-modules.ts";
import type { Guest, InstancePool } from "./instance-pool.ts";
import { LeftMemories } from "./left-memories.ts";
import type { Runtime } from "./runtimes.ts";
import { unwindingTrap } from "./unwinding-trap.ts";
import { errno, fault, Fault } from "./wasi/errno.ts";
import { Files, FilesTooLarge, TooManyEntries } from "./wasi/files.ts";
import { wasiFunctions, wasiModule } from "./wasi/functions.ts";
import { hostCalls } from "./wasi/host-calls.ts";
import { modelProcess } from "./wasi/model-process.ts";
import { preview1 } from "./wasi/preview1.ts";
import { CommandExit, Process } from "./wasi/process.ts";
import { Input } from "./wasi/streams.ts";
import { unlistedFor } from "./wasi/unlisted.ts";
import { fuelLeft } from "./wasm/meter.ts";
import type { OfferedFunctions } from "./wasm/module.ts";

const offered: OfferedFunctions = new Map([
  ...wasiFunctions,
  ...Object.entries(hostCalls).map(([name, { type }]) => [name, type] as const),
]);
const command: GuestKind = { entry: "_start", offered, noEntry: commandTexts.noStart };

/** Such as `thread 'main' (1) panicked at src/main.rs:2:5:`. */
const panicLine = /^thread '.*' (?:\(\d+\) )?panicked at /;

interface Live {
  readonly process: Process;
  guest: Guest | undefined;
  /** Why it ended; kept whatever the guest made of the trap. */
  poison: { readonly cause: unknown } | undefined;
  /** Calls to the host so far. */
  calls: number;
}

type Serve = (process: Process, ...args: never[]) => number | bigint;

export class WasiGuests implements Runtime {
  readonly #host: FrameHost;
  readonly #modules: GuestModules;
  readonly #trap = unwindingTrap();
  /** Pools of the commands that ran. Most instances serve once, since a command's memory grows. */
  readonly #used = new Set<InstancePool>();
  readonly #left = new LeftMemories();
  #live: Live | undefined;
  /** One, once a command has run: see model-process.ts. */
  readonly #models: Live[] = [];

  /** With `reusesInstances` false every execution has a fresh instance: slower, and no guest can tell. */
  constructor(host: FrameHost, reusesInstances: boolean = true) {
    this.#host = host;
    const imports: Record<string, Record<string, unknown>> = {};
    const offer = (key: string, serve: Serve) => {
      const dot = key.indexOf(".");
      (imports[key.slice(0, dot)] ??= {})[key.slice(dot + 1)] = this.#guarded(serve);
    };
    for (const [name, serve] of Object.entries(preview1)) offer(`${wasiModule}.${name}`, serve);
    for (const [key, { serve }] of Object.entries(hostCalls)) offer(key, serve);
    this.#modules = new GuestModules(host, command, imports, reusesInstances);
  }

  memoryBytes(): number {
    return this.#live?.guest?.memory.buffer.byteLength ?? 0;
  }

  /** Resets or makes an instance for one of the commands that ran, so that the next call of it finds one: for when there is nothing else to do. Answers whether there is more of that. */
  prepare(): boolean {
    const [pool] = this.#used;
    if (pool === undefined) return false;
    pool.prepare();
    this.#used.delete(pool);
    return this.#used.size > 0;
  }

  /** Collects what commands left behind, if that is much; for when nothing is under way. */
  collect(): void {
    if (this.#used.size > 0 && this.#models.length === 0) {
      this.#models.push({ process: modelProcess(), guest: undefined, poison: undefined, calls: 0 });
    }
    this.#left.collect();
  }

  execute(job: Job, node: RuntimeNode): FrameEnd {
    const limits: CommandLimits = { ...defaultCommandLimits, ...node.limits };
    const frame = new Frame(this.#host, job, limits);
    const pool = this.#modules.poolOf(node);
    if ("outcome" in pool) return completed(this.#host, frame, pool.outcome, pool.detail, 0);
    const process = this.#start(frame, limits);
    if (typeof process === "string") {
      return completed(this.#host, frame, failure("abi", commandTexts[process]), undefined, 0);
    }
    const live: Live = { process, guest: undefined, poison: undefined, calls: 0 };
    this.#live = live;
    try {
      live.guest = pool.take();
      live.guest = pool.start(live.guest, () => live.calls > 0);
      process.memory.attach(live.guest.memory);
      live.guest.run();
      if (live.poison !== undefined) throw live.poison.cause;
      const { spent, passed } = fuelLeft(live.guest.fuel, limits.fuel);
      this.#giveBack(pool, live.guest);
      if (passed === undefined) return this.#finish(frame, process, 0, spent);
      return completed(this.#host, frame, passedLimit(passed), undefined, spent);
    } catch (error) {
      const cause = live.poison === undefined ? error : live.poison.cause;
      const end = this.#end(frame, live, limits, cause);
      // An exit is how many commands return. What it leaves is in memory and globals, and those are reset.
      if (live.guest !== undefined) {
        if (cause instanceof CommandExit) this.#giveBack(pool, live.guest);
        else this.#leave(live.guest);
      }
      return end;
    } finally {
      this.#live = undefined;
    }
  }

  #giveBack(pool: InstancePool, guest: Guest): void {
    this.#used.add(pool);
    if (!pool.give(guest)) this.#leave(guest);
  }

  /** An instance serves no more. */
  #leave({ memory }: Guest): void {
    this.#left.add(memory);
    this.#left.collectOverdue();
  }

  /** The process that the job's args make, or which text says why they make none. */
  #start(frame: Frame, limits: CommandLimits): Process | keyof typeof commandTexts {
    const { objects } = this.#host;
    const get = (name: Oid) => {
      frame.reads.add(name);
      return objects.get(name);
    };
    const args = readCommandArgs({ get }, frame.job.request.args);
    if (typeof args === "string") return args;
    // It must be here to be told from what is no tree, so it is part of what the job needs.
    frame.reads.add(args.in);
    if ((objects.kindOf(args.in) ?? get(args.in).kind) !== "tree") return "notACommand";
    const readInput = () => {
      const { kind, body } = get(args.stdin);
      if (kind !== "blob") throw new GuestFailed(failure("abi", commandTexts.notACommand));
      return body;
    };
    const { clock, random } = frame;
    const sizeOf = (name: Oid) => {
      frame.reads.add(name);
      return objects.sizeOf(name);
    };
    const put = objects.put.bind(objects);
    const unlisted = unlistedFor(args.argv, args.cwd);
    try {
      return new Process({
        argv: args.argv,
        variables: args.env,
        stdin: new Input(readInput),
        files: (bounds) => new Files({ get, put, sizeOf }, args.in, bounds, () => clock.at("realtime"), unlisted),
        cwd: (files) => {
          const folder = files.find(files.root, args.cwd, true);
          if (folder instanceof Fault) throw folder;
          if (folder.kind !== "folder") throw fault(errno.notdir);
          return folder;
        },
        clock,
        random,
        fileBytesMax: limits.fileBytes,
        entriesMax: limits.entries,
        onWrite: this.#host.outputOf?.(frame.job),
      });
    } catch (error) {
      if (error instanceof Fault) return "badCwd";
      throw error;
    }
  }

  #finish(frame: Frame, { stdout, stderr, files }: Process, exit: number, spent: number): FrameEnd {
    const put = (kind: "blob" | "tree", body: Uint8Array) => this.#host.objects.put(kind, body);
    const result = putCommandResult(put, {
      exit,
      stdout: put("blob", stdout.bytes()),
      stderr: put("blob", stderr.bytes()),
      out: files.finish(),
    });
    frame.out("tree", result);
    return completed(this.#host, frame, frame.finish(), undefined, spent);
  }

  /** What a thrown thing means for the frame. What is no guest's doing goes on up. */
  #end(frame: Frame, { guest, process }: Live, limits: CommandLimits, error: unknown): FrameEnd {
    const spending = guest === undefined ? nothingSpent : fuelLeft(guest.fuel, limits.fuel);
    if (error instanceof CommandExit) {
      if (spending.passed === undefined) return this.#finish(frame, process, error.status, spending.spent);
      return completed(this.#host, frame, passedLimit(spending.passed), undefined, spending.spent);
    }
    tellEnd(frame, process.stderr.bytes(), limits);
    return endedBy(this.#host, frame, countedOf(error, limits) ?? error, spending, (passed) =>
      describeCommandLimit(passed, limits),
    );
  }

  /** The import that serves a call of the command that runs. A fault is its answer; whatever else it throws ends the command, by a trap. */
  #guarded(serve: Serve): (...args: never[]) => number | bigint {
    return (...args) => {
      const live = this.#live;
      if (live === undefined) throw new Error("a command called while none was running");
      if (live.poison !== undefined) return this.#trap();
      live.calls++;
      live.process.memory.refresh();
      try {
        return serve(live.process, ...args);
      } catch (cause) {
        if (cause instanceof Fault) return cause.errno;
        live.poison = { cause };
        return this.#trap();
      }
    };
  }
}

/** The failure of a command that passed a limit of its files. */
function countedOf(error: unknown, limits: CommandLimits): GuestFailed | undefined {
  if (error instanceof FilesTooLarge) {
    return new GuestFailed(failure("limit", commandTexts.wroteTooMuch), describeCommandLimit("fileBytes", limits));
  }
  if (!(error instanceof TooManyEntries)) return undefined;
  return new GuestFailed(failure("limit", commandTexts.tooManyEntries), describeCommandLimit("entries", limits));
}

/** Logs the last lines of what a command that fails had to say: one of them becomes its outcome's message. */
function tellEnd(frame: Frame, stderr: Uint8Array, limits: CommandLimits): void {
  // A byte that is no UTF-8 takes three in a line, and a line's end one: so much is never too much.
  const bytes = Math.min(stderr.length, Math.floor((Math.min(limits.logBytes, logLineBytesMax) - 1) / 3));
  frame.write(2, stderr.subarray(stderr.length - bytes));
  frame.endLines();
  frame.reason = panicOf(frame.log);
}

/** The line in which a Rust program says why it panics: what comes after it is values that were compared, a backtrace, or how to get one. */
function panicOf(lines: readonly string[]): string | undefined {
  const at = lines.findLastIndex((line) => panicLine.test(line));
  if (at < 0) return undefined;
  // Before Rust 1.73 the sentence was in the line itself.
  return lines[at]?.endsWith(":") === true ? lines[at + 1] : lines[at];
}

/** Checks, bounds, meters and compiles a module: what is asked before one is added as a command. */
export function prepareCommand(bytes: Uint8Array, limits: Partial<CommandLimits> = {}): Prepared {
  return prepared(command, bytes, { ...defaultCommandLimits, ...limits });
}

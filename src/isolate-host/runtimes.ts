/** Guests of every runtime: the marker in a worker's runtime node says which one executes its requests. */
import { errorTexts } from "../abi/error-texts.ts";
import { NonAnswerError } from "../abi/non-answer.ts";
import { resolveImage, scriptV8, type RuntimeNode } from "../abi/worker.ts";
import type { FrameEnd, Guests, Job } from "../scheduler/settle.ts";
import { HotMap } from "../store/hot-map.ts";
import type { Oid } from "../store/oid.ts";
import { failure } from "../store/outcome.ts";
import type { FrameHost } from "./frame.ts";

/** What executes the requests of one kind of worker. */
export interface Runtime {
  /** Runs the job's guest to its end. `node` is what the request's image names. Throws NonAnswerError. */
  execute(job: Job, node: RuntimeNode): FrameEnd;
  /** Guest memory that live frames hold on the executor's thread, in bytes. */
  memoryBytes(): number;
}

/** Runtime nodes in memory; a hot map holds up to twice as many. */
const hotNodesMax = 256;

export class Runtimes implements Guests {
  readonly #objects: FrameHost["objects"];
  readonly #runtimes: ReadonlyMap<string, Runtime>;
  readonly #nodes = new HotMap<Oid, RuntimeNode>(hotNodesMax);

  /** Runtimes by their markers. */
  constructor(objects: FrameHost["objects"], runtimes: ReadonlyMap<string, Runtime>) {
    this.#objects = objects;
    this.#runtimes = runtimes;
  }

  memoryBytes(): number {
    let sum = 0;
    for (const runtime of this.#runtimes.values()) sum += runtime.memoryBytes();
    return sum;
  }

  execute(job: Job): FrameEnd {
    const { image } = job.request;
    const node = this.#nodes.get(image) ?? this.#read(image);
    if (node === undefined) {
      const detail = `${image} is no runtime node`;
      return {
        how: "completed",
        memo: { outcome: failure("module", errorTexts.notAWorker), detail, fuel: 0, reads: [] },
      };
    }
    const runtime = this.#runtimes.get(node.marker);
    if (runtime === undefined) {
      throw new NonAnswerError({ kind: "host", message: `worker ${image} wants ${missingRuntime(node.marker)}` });
    }
    return runtime.execute(job, node);
  }

  #read(image: Oid): RuntimeNode | undefined {
    const found = resolveImage(this.#objects, image, undefined);
    if ("error" in found || found.bound.size > 0) return undefined;
    this.#nodes.set(image, found.node);
    return found.node;
  }
}

/** For people: what is missing, and who has it. */
function missingRuntime(marker: string): string {
  const v8 = scriptV8(marker);
  if (v8 === undefined) return `the runtime ${JSON.stringify(marker)}, which this version does not have`;
  return `V8 ${v8}, and this Node (${process.version}) has ${process.versions.v8}; a Node whose \`process.versions.v8\` is ${v8} runs it, or add the worker's source again`;
}

/** Frames over a map of objects: what a script's job may do, and nothing else of the engine. */
import { errorNumbers, type ErrorNumber } from "../../../src/abi/error-numbers.ts";
import { orderedTree } from "../../../src/abi/tree-bytes.ts";
import type { Request } from "../../../src/abi/request.ts";
import {
  ScriptChild,
  type ScriptFrame,
  type ScriptJob,
  type ScriptTurn,
} from "../../../src/isolate-host/script/script-child.ts";
import { hashObject, type GitObject } from "../../../src/store/object.ts";
import type { Oid } from "../../../src/store/oid.ts";
import type { Outcome } from "../../../src/store/outcome.ts";
import { encodeTree } from "../../../src/store/tree.ts";

export class MemoryFrame implements ScriptFrame {
  readonly objects = new Map<Oid, GitObject>();
  readonly lines: string[] = [];
  /** What was read, in order. */
  readonly reads: Oid[] = [];
  /** Whether having an object costs microseconds, so that it may come along. */
  hasNear = false;
  /** Thrown by the next operation. */
  fault: Error | undefined;

  put(kind: "blob" | "tree", body: Uint8Array): Oid {
    const name = hashObject(kind, body);
    this.objects.set(name, { kind, body });
    return name;
  }

  text(name: Oid): string {
    return Buffer.from(this.#body(name, "blob") as Uint8Array).toString("utf8");
  }

  tree(name: Oid): Uint8Array | ErrorNumber {
    return this.#body(name, "tree");
  }

  blob(name: Oid): Uint8Array | ErrorNumber {
    return this.#body(name, "blob");
  }

  near(name: Oid): GitObject | undefined {
    return this.hasNear ? this.objects.get(name) : undefined;
  }

  putBlob(bytes: Uint8Array): Oid {
    this.#fail();
    return this.put("blob", bytes);
  }

  putTree(entries: Uint8Array): Oid | ErrorNumber {
    this.#fail();
    const ordered = orderedTree(entries);
    return typeof ordered === "number" ? ordered : this.put("tree", ordered);
  }

  addLine(line: string): void {
    this.#fail();
    this.lines.push(line);
  }

  #body(name: Oid, kind: "blob" | "tree"): Uint8Array | ErrorNumber {
    this.#fail();
    const object = this.objects.get(name);
    if (object === undefined) throw new Error(`no object ${name}`);
    this.reads.push(name);
    if (object.kind !== kind) return kind === "blob" ? errorNumbers.notABlob : errorNumbers.notATree;
    return object.body;
  }

  #fail(): void {
    if (this.fault !== undefined) throw this.fault;
  }
}

/** A job of that module; the salt tells requests apart that are otherwise equal. */
export function jobOf(
  frame: MemoryFrame,
  module: string,
  args: Readonly<Record<string, string>> = {},
  salt = "",
): ScriptJob {
  const moduleBytes = Buffer.from(module, "utf8");
  const entries = Object.entries(args).map(([name, text]) => ({
    name,
    mode: "100644" as const,
    oid: frame.put("blob", Buffer.from(text, "utf8")),
  }));
  const tree = encodeTree(entries);
  const oid = hashObject("blob", Buffer.from(JSON.stringify([module, args, salt])));
  const request = { oid, args: frame.put("tree", tree), std: undefined, salt } as unknown as Request;
  return { request, args: tree, near: [], module: hashObject("blob", moduleBytes), moduleBytes: () => moduleBytes };
}

/** Runs a job to its end; nested calls come to what `answer` says of each one's `in`. */
export function runToEnd(
  child: ScriptChild,
  frame: MemoryFrame,
  job: ScriptJob,
  answer?: (image: string) => Outcome,
): ScriptTurn {
  const begun = child.run(job, frame);
  let { turn } = begun;
  if (answer === undefined) return turn;
  while (turn.how === "waits") {
    turn = child.settle(
      begun.job,
      turn.calls.map(({ image }) => answer(image.replace("/cas/std/", ""))),
      frame,
    );
  }
  return turn;
}

/** What a job's end says, as a text: its result, or how it ended. */
export function endText(turn: ScriptTurn): string {
  switch (turn.how) {
    case "returned":
      return Buffer.from(turn.bytes).toString("utf8");
    case "completed":
      return `${turn.result.kind} ${turn.result.oid}`;
    case "failed":
    case "exhausted":
      return `${turn.how}: ${turn.message}`;
    case "waits":
      return `waits for ${turn.calls.map(({ image }) => image).join(", ")}`;
  }
}

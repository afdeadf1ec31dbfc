/**
 * The ABI's meaning, said as plainly as possible (spec, sections 1 to 4): nested requests are recursive calls,
 * objects and memos are maps. No limits, no clock, no WASI, one thread. It is the oracle that workers are tested
 * with, and that the engine is compared with.
 *
 * A failed outcome is a value; a non-answer (missing object, cycle, unknown runtime) is thrown.
 */
import { errorNumber, errorText } from "../../src/abi/error-numbers.ts";
import { errorTexts, failureTexts, type ErrorText } from "../../src/abi/error-texts.ts";
import { isUtf8 } from "node:buffer";
import { hashObject, type GitObject } from "../../src/store/object.ts";
import { parseOid, type Oid } from "../../src/store/oid.ts";
import { failure, type Outcome, type Result } from "../../src/store/outcome.ts";
import {
  canonicalMode,
  decodeName,
  decodeTree,
  encodeTree,
  nameFault,
  type Mode,
  type TreeEntry,
} from "../../src/store/tree.ts";

/** What no guest may learn of: the run as a whole has no answer. */
export class ModelNonAnswer extends Error {
  override readonly name = "ModelNonAnswer";
}

/** What an operation answers with `{"error": text}`. */
class Refused {
  readonly because: string;
  constructor(because: string) {
    this.because = because;
  }
}

export interface ModelRequest {
  readonly oid: Oid;
  readonly image: Oid;
  readonly args: Oid;
}

export interface ModelHost {
  /** Every object there is. */
  readonly objects: Map<Oid, GitObject>;
  /** Requests in the order in which their execution started. */
  readonly executed: Oid[];
  /** Lines that guests logged, in order. */
  readonly lines: string[];
  /** Calls that guests made, in order: those of caos_abi_v1 as they came, the others as JSON that says the same. */
  readonly calls: string[];
  /** What each execution read and asked for, each once, in order. */
  readonly traces: Map<Oid, ModelTrace>;
  readonly memos: Map<Oid, Outcome>;
  putBlob(content: Uint8Array | string): Oid;
  putTree(entries: readonly TreeEntry[]): Oid;
  /** Stores a runtime node for a wasm module. */
  putWorker(module: Uint8Array): Oid;
  /** The request for `image` (an oid or `/cas/std/NAME`); curries are unwrapped. */
  request(image: string, args: Oid): ModelRequest;
  settle(request: ModelRequest): Outcome;
}

export interface ModelTrace {
  readonly reads: Set<Oid>;
  readonly children: Set<Oid>;
}

/** What passes unchanged into every nested request. */
export interface ModelSurroundings {
  /** Built with `putWorker` beforehand, by name. */
  readonly std?: Readonly<Record<string, Uint8Array>>;
  readonly salt?: string;
  /** How an answer is written; JSON.stringify unless a test wants the same answer spelt differently. */
  readonly spell?: (answer: object) => string;
}

const wasmMarker = "coppice-wasm/3";
const curryLevelsMax = 64;
const stdPrefix = "/cas/std/";

/** The four entries of a request; `putBlob` stores the three that are blobs. */
export function requestEntries(
  putBlob: ModelHost["putBlob"],
  image: Oid,
  args: Oid,
  std: Oid | "",
  salt: string,
): TreeEntry[] {
  return [
    { mode: "40000", name: "args", oid: args },
    { mode: "100644", name: "image", oid: putBlob(image) },
    { mode: "100644", name: "salt", oid: putBlob(salt) },
    { mode: "100644", name: "std", oid: putBlob(std) },
  ];
}

export function createModelHost(surroundings: ModelSurroundings = {}): ModelHost {
  const salt = surroundings.salt ?? "";
  const spell = surroundings.spell ?? JSON.stringify;
  const objects = new Map<Oid, GitObject>();
  const executed: Oid[] = [];
  const lines: string[] = [];
  const calls: string[] = [];
  const traces = new Map<Oid, ModelTrace>();
  const memos = new Map<Oid, Outcome>();
  const running = new Set<Oid>();
  const modules = new Map<Oid, WebAssembly.Module>();

  const put = (kind: "blob" | "tree", body: Uint8Array): Oid => {
    const name = hashObject(kind, body);
    objects.set(name, { kind, body });
    return name;
  };
  const putBlob = (content: Uint8Array | string): Oid => put("blob", Buffer.from(content));
  const putTree = (entries: readonly TreeEntry[]): Oid => put("tree", encodeTree(entries));
  const putWorker = (module: Uint8Array): Oid =>
    putTree([
      { mode: "100644", name: ".caos-runtime", oid: putBlob(wasmMarker) },
      { mode: "100644", name: "module", oid: putBlob(module) },
    ]);

  const library = Object.entries(surroundings.std ?? {});
  const std =
    library.length === 0
      ? ""
      : putTree(library.map(([name, module]) => ({ mode: "40000", name, oid: putWorker(module) })));

  const get = (name: Oid): GitObject => {
    const object = objects.get(name);
    if (object === undefined) throw new ModelNonAnswer(`missing object ${name}`);
    return object;
  };
  const entriesOf = (name: Oid, otherwise: string): TreeEntry[] => {
    const { kind, body } = get(name);
    if (kind !== "tree") throw new Refused(otherwise);
    return decodeTree(body);
  };
  const textOf = (name: Oid): string => Buffer.from(get(name).body).toString("utf8");

  /** The runtime node under curries, and the args tree that they leave. */
  const resolve = (image: string, args: Oid): { image: Oid; args: Oid } => {
    const bound = new Map<string, TreeEntry>();
    let spelt = image;
    for (let level = 0; level <= curryLevelsMax; level++) {
      let name = parseOid(spelt);
      if (spelt.startsWith(stdPrefix)) {
        const listed = std === "" ? [] : entriesOf(std, errorTexts.noSuchWorker);
        name = listed.find((entry) => entry.name === spelt.slice(stdPrefix.length))?.oid;
        if (name === undefined) throw new Refused(errorTexts.noSuchWorker);
      }
      if (name === undefined) throw new Refused(errorTexts.notAnImage);
      const node = new Map(entriesOf(name, errorTexts.notAWorker).map((entry) => [entry.name, entry.oid]));
      if (!node.has(".caos-curry")) {
        if (!node.has(".caos-runtime") || !node.has("module")) throw new Refused(errorTexts.notAWorker);
        if (bound.size === 0) return { image: name, args };
        for (const entry of entriesOf(args, errorTexts.argsNotATree)) bound.set(entry.name, entry);
        return { image: name, args: putTree([...bound.values()]) };
      }
      for (const entry of entriesOf(node.get("args") as Oid, errorTexts.notAWorker)) {
        if (!bound.has(entry.name)) bound.set(entry.name, entry);
      }
      spelt = textOf(node.get("base") as Oid);
    }
    throw new Refused(errorTexts.curriedTooDeep);
  };

  const request = (image: string, args: Oid): ModelRequest => {
    const resolved = resolve(image, args);
    entriesOf(resolved.args, errorTexts.argsNotATree);
    const name = putTree(requestEntries(putBlob, resolved.image, resolved.args, std, salt));
    return { oid: name, ...resolved };
  };

  const settle = (wanted: ModelRequest): Outcome => {
    const memo = memos.get(wanted.oid);
    if (memo !== undefined) return memo;
    if (running.has(wanted.oid)) throw new ModelNonAnswer(`cycle at ${wanted.oid}`);
    running.add(wanted.oid);
    executed.push(wanted.oid);
    const outcome = execute(wanted);
    running.delete(wanted.oid);
    memos.set(wanted.oid, outcome);
    return outcome;
  };

  const moduleOf = (image: Oid): WebAssembly.Module => {
    const node = new Map(entriesOf(image, errorTexts.notAWorker).map((entry) => [entry.name, entry.oid]));
    if (textOf(node.get(".caos-runtime") as Oid).trim() !== wasmMarker) throw new ModelNonAnswer("unknown runtime");
    const blob = node.get("module") as Oid;
    const module = modules.get(blob) ?? new WebAssembly.Module(get(blob).body);
    modules.set(blob, module);
    return module;
  };

  const execute = (job: ModelRequest): Outcome => {
    let memory: WebAssembly.Memory | undefined;
    let kept = Buffer.alloc(0);
    let result: Result | undefined;
    let outTwice = false;
    let lastLine: string | undefined;
    const trace: ModelTrace = { reads: new Set(), children: new Set() };
    traces.set(job.oid, trace);

    const read = (name: Oid): GitObject => {
      trace.reads.add(name);
      return get(name);
    };
    const readEntries = (name: Oid): TreeEntry[] => {
      trace.reads.add(name);
      return entriesOf(name, errorTexts.notATree);
    };
    const ask = (each: ModelRequest): Outcome => {
      trace.children.add(each.oid);
      return settle(each);
    };
    const finish = (kind: string, oid: Oid): void => {
      if (kind !== "blob" && kind !== "tree") throw new Refused(errorTexts.badKind);
      if (get(oid).kind !== kind) throw new Refused(errorTexts.wrongKind);
      if (result !== undefined) {
        outTwice = true;
        throw new Refused(errorTexts.outTwice);
      }
      result = { kind, oid };
    };
    const say = (line: string): void => {
      lastLine = line;
      lines.push(line);
    };

    const answer = (call: string): object => {
      let fields: Fields;
      try {
        fields = JSON.parse(call) as Fields;
      } catch {
        return { error: errorTexts.notJson };
      }
      switch (text(fields, "op")) {
        case "job":
          return { args: job.args, std, salt, stack: job.oid };
        case "tree": {
          const entries = readEntries(hash(fields, "hash"));
          if (!entries.every((entry) => entry.name.isWellFormed())) throw new Refused(errorTexts.nameNotUtf8);
          return { entries: entries.map(({ name, mode, oid }) => ({ name, kind: shownKind(mode), hash: oid, mode })) };
        }
        case "get": {
          const { kind, body } = read(hash(fields, "hash"));
          return kind === "blob" ? { bytes_b64: Buffer.from(body).toString("base64") } : { error: errorTexts.notABlob };
        }
        case "put_blob": {
          const encoded = text(fields, "bytes_b64");
          const bytes = Buffer.from(encoded, "base64");
          return bytes.toString("base64") === encoded
            ? { hash: put("blob", bytes) }
            : { error: errorTexts.malformedBase64 };
        }
        case "put_tree":
          return { hash: putTree(list(fields, "entries").map(readEntry)) };
        case "run":
          return plain(ask(nested(fields)));
        case "run_many": {
          // All are read before the first one runs, so that a malformed one starts nothing.
          const requests = list(fields, "reqs").map(nested);
          return { results: requests.map((each) => plain(ask(each))) };
        }
        case "out":
          finish(text(fields, "kind"), hash(fields, "hash"));
          return {};
        case "log":
          say(text(fields, "msg").toWellFormed());
          return {};
        default:
          throw new Refused(errorTexts.unknownOp);
      }
    };
    const nested = (fields: Fields): ModelRequest => request(text(fields, "image"), hash(fields, "args"));
    const readEntry = (fields: Fields): TreeEntry => {
      const name = text(fields, "name");
      const kind = text(fields, "kind");
      const mode = canonicalMode(
        fields["mode"] === undefined ? (kind === "tree" ? "40000" : "100644") : text(fields, "mode"),
      );
      const oid = hash(fields, "hash");
      if (nameFault(name) !== undefined) throw new Refused(errorTexts.reservedName);
      if (mode === undefined) throw new Refused(errorTexts.badMode);
      checkKind(mode, oid);
      return { name, mode, oid };
    };
    const checkKind = (mode: Mode, oid: Oid): void => {
      if (mode !== "160000" && get(oid).kind !== (mode === "40000" ? "tree" : "blob")) {
        throw new Refused(errorTexts.wrongKind);
      }
    };

    // The binary ABI (design/abi-binary.md): the same operations on bytes in the guest's memory.
    let open: Uint8Array = Buffer.alloc(0);
    const bytesAt = (at: number, length: number): Buffer => {
      const whole = Buffer.from((memory as WebAssembly.Memory).buffer);
      if (at + length > whole.length) throw new Refused(errorTexts.outOfMemory);
      return whole.subarray(at, at + length);
    };
    const oidAt = (at: number): Oid => bytesAt(at, 20).toString("hex") as Oid;
    const write = (to: number, bytes: Buffer): number => {
      bytes.copy(bytesAt(to, bytes.length));
      return 0;
    };
    const keep = (bytes: Uint8Array): number => {
      open = bytes;
      return bytes.length;
    };
    const told = (op: string, fields: object): void => void calls.push(JSON.stringify({ op, ...fields }));
    const openTree = (name: Oid): number => {
      told("tree", { hash: name });
      readEntries(name);
      return keep(get(name).body);
    };
    /** Stores the tree whose entries these bytes are, in any order. */
    const putEntries = (bytes: Buffer): Oid => {
      const entries: TreeEntry[] = [];
      for (let rest = bytes; rest.length > 0;) {
        const space = rest.indexOf(" ");
        const nul = rest.indexOf("\0", space);
        if (space < 0 || nul < 0 || rest.length < nul + 21) throw new Refused(errorTexts.malformedTree);
        const mode = rest.toString("latin1", 0, space);
        if (!["40000", "100644", "100755", "120000", "160000"].includes(mode)) throw new Refused(errorTexts.badMode);
        const name = decodeName(rest.subarray(space + 1, nul));
        if (nameFault(name) !== undefined) throw new Refused(errorTexts.reservedName);
        if (entries.some((entry) => entry.name === name)) throw new Refused(errorTexts.duplicateName);
        entries.push({ mode: mode as Mode, name, oid: rest.toString("hex", nul + 1, nul + 21) as Oid });
        rest = rest.subarray(nul + 21);
      }
      for (const { mode, oid } of entries) checkKind(mode, oid);
      told("put_tree", { entries: entries.map(({ name, mode, oid }) => ({ name, kind: shownKind(mode), hash: oid })) });
      return putTree(entries);
    };
    const readItem = (at: number): ModelRequest => {
      const item = bytesAt(at, 16);
      const image = bytesAt(item.readUInt32LE(0), item.readUInt32LE(4));
      if (!isUtf8(image)) throw new Refused(errorTexts.notUtf8);
      const args = bytesAt(item.readUInt32LE(8), item.readUInt32LE(12));
      return request(image.toString("utf8"), args.length === 20 ? (args.toString("hex") as Oid) : putEntries(args));
    };
    const binary: Record<string, (a: number, b: number, c: number) => number> = {
      job(to) {
        write(to, Buffer.from([job.args, std === "" ? "00".repeat(20) : std, job.oid].join(""), "hex"));
        return keep(Buffer.from(salt, "utf8"));
      },
      args: () => openTree(job.args),
      tree: (at) => openTree(oidAt(at)),
      blob(at) {
        told("get", { hash: oidAt(at) });
        const { kind, body } = read(oidAt(at));
        if (kind !== "blob") throw new Refused(errorTexts.notABlob);
        return keep(body);
      },
      read(to, from, length) {
        const part = Buffer.from(open.subarray(from, Math.min(open.length, from + length)));
        write(to, part);
        return part.length;
      },
      put_blob(at, length, to) {
        const content = Buffer.from(bytesAt(at, length));
        return write(to, Buffer.from(put("blob", content), "hex"));
      },
      put_tree(at, length, to) {
        bytesAt(to, 20);
        return write(to, Buffer.from(putEntries(Buffer.from(bytesAt(at, length))), "hex"));
      },
      run_many(at, count, to) {
        bytesAt(at, 16 * count);
        bytesAt(to, 24 * count);
        const requests = Array.from({ length: count }, (_, index) => readItem(at + 16 * index));
        told("run_many", { reqs: requests });
        let messages = Buffer.alloc(0);
        for (const [index, each] of requests.entries()) {
          const outcome = ask(each);
          const written = Buffer.alloc(24);
          written.writeUInt32LE({ blob: 0, tree: 1, failed: 2 }[outcome.kind]);
          if (outcome.kind === "failed") {
            const message = Buffer.from(outcome.message, "utf8");
            written.writeUInt32LE(messages.length, 4);
            written.writeUInt32LE(message.length, 8);
            messages = Buffer.concat([messages, message]);
          } else written.write(outcome.oid, 4, "hex");
          write(to + 24 * index, written);
        }
        return keep(messages);
      },
      out(kind, at) {
        finish(["blob", "tree"][kind] ?? "", oidAt(at));
        return 0;
      },
      log(at, length) {
        const line = bytesAt(at, length);
        if (!isUtf8(line)) throw new Refused(errorTexts.notUtf8);
        say(line.toString("utf8"));
        return 0;
      },
      error_text: (number) => keep(Buffer.from(errorText(number | 0) ?? "", "utf8")),
    };
    const served = (serve: (a: number, b: number, c: number) => number) => (a: number, b: number, c: number) => {
      try {
        return serve(a >>> 0, b >>> 0, c >>> 0);
      } catch (error) {
        if (!(error instanceof Refused)) throw error;
        return errorNumber(error.because as ErrorText);
      }
    };

    const instance = new WebAssembly.Instance(moduleOf(job.image), {
      coppice_v1: Object.fromEntries(Object.entries(binary).map(([name, serve]) => [name, served(serve)])),
      caos_abi_v1: {
        call(at: number, length: number): number {
          const whole = Buffer.from((memory as WebAssembly.Memory).buffer, at, length);
          calls.push(whole.toString("utf8"));
          let response: object;
          try {
            response = answer(whole.toString("utf8"));
          } catch (error) {
            if (!(error instanceof Refused)) throw error;
            response = { error: error.because };
          }
          kept = Buffer.from(spell(response), "utf8");
          return kept.length;
        },
        read(at: number): void {
          kept.copy(Buffer.from((memory as WebAssembly.Memory).buffer), at >>> 0);
        },
      },
    });
    memory = instance.exports["memory"] as WebAssembly.Memory;
    try {
      (instance.exports["caos_run"] as () => void)();
    } catch (error) {
      if (!(error instanceof WebAssembly.RuntimeError)) throw error;
      return failure("trap", lastLine ?? failureTexts.trapped);
    }
    if (outTwice) return failure("abi", errorTexts.outTwice);
    return result ?? failure("abi", failureTexts.noResult);
  };

  return { objects, executed, lines, calls, traces, memos, putBlob, putTree, putWorker, request, settle };
}

/** What a guest is told of a mode; symlinks and gitlinks are blobs to it. */
function shownKind(mode: Mode): "blob" | "tree" {
  return mode === "40000" ? "tree" : "blob";
}

type Fields = Readonly<Record<string, unknown>>;

function text(fields: Fields, name: string): string {
  const value = fields[name];
  if (typeof value !== "string") throw new Refused(`${name} is missing or not a string`);
  return value;
}

function hash(fields: Fields, name: string): Oid {
  const oid = parseOid(text(fields, name));
  if (oid === undefined) throw new Refused(errorTexts.malformedOid);
  return oid;
}

function list(fields: Fields, name: string): readonly Fields[] {
  const value = fields[name];
  if (!Array.isArray(value)) throw new Refused(`${name} is missing or not a list`);
  return value as Fields[];
}

function plain(outcome: Outcome): object {
  return outcome.kind === "failed" ? { error: outcome.message } : { kind: outcome.kind, hash: outcome.oid };
}

/**
 * Replay bundles: all that a request needs to run again where nothing is remembered, and what it and its descendants came to, in one CAR file (bytes: store/car.ts; why CAR: design/bundles.md). The bytes follow from the
 * request and its record: no time, no path, no order of rows; and every byte of the file is vouched for, from the root on:
 *
 *   header      names the manifest
 *   manifest    the first block, a blob; names the other objects by a digest of their names
 *   objects     a block each, ascending by name; the name is the bytes' SHA-1
 *
 * The manifest's text, a newline after each line:
 *
 *   coppice replay bundle 1
 *   request OID
 *   objects COUNT DIGEST      SHA-256, in hex, of the objects' names end to end (20 bytes each) in the order of the file
 *   jobs COUNT
 *   OID FUEL blob OID         a line for each job, ascending by request: the request, the fuel that it spent, what it came to
 *   OID FUEL tree OID
 *   OID FUEL failed JSON      the failed outcome's canonical JSON (store/outcome.ts), which has no newline
 *
 * There is one way to write it, and any other is refused.
 *
 * **What it holds**: of each job its request (tree, args' tree, blobs), its worker's runtime node, marker, limits and module, what its memo says that it read, the result with all that it names, and what the job had to have
 * without reading it: the entries of the args of requests that it asked for, and, where those are trees that the job made itself, what they name. Gitlinks are no objects. A tree may be there without what it names.
 */
import { createHash } from "node:crypto";
import { readRequest } from "./abi/request.ts";
import { resolveImage } from "./abi/worker.ts";
import { carBlock, carHeader } from "./store/car.ts";
import { hashObject, type GitObject, type ObjectKind } from "./store/object.ts";
import { oidToBytes, parseOid, type Oid } from "./store/oid.ts";
import { decodeFailure, encodeOutcome, type Memo, type Outcome, type Result } from "./store/outcome.ts";
import { requestEntries } from "./store/request-tree.ts";
import { MalformedTree, decodeTree, kindOfMode, type TreeEntry } from "./store/tree.ts";
import { NothingRemembered, OversizeBundle } from "./unfit-bundle.ts";

/** Length of a manifest: over a million jobs that have results. */
export const manifestBytesMax = 128 << 20;

const firstLine = "coppice replay bundle 1";

/** What one job came to. */
export interface RecordedJob {
  readonly request: Oid;
  readonly outcome: Outcome;
  readonly fuel: number;
}

export interface Manifest {
  /** The request that was bundled, one of the jobs. */
  readonly request: Oid;
  /** How many objects there are beside the manifest. */
  readonly objects: number;
  /** Of their names, see above. */
  readonly digest: string;
  /** Ascending by request. */
  readonly jobs: readonly RecordedJob[];
}

/** What a bundle is made from; a store is one. */
export interface BundleSource {
  /** Throws MissingObject. */
  get(name: Oid): GitObject;
  kindOf(name: Oid): ObjectKind | undefined;
  /** Throws QuarantinedMemo. */
  memo(request: Oid): Memo | undefined;
}

/** A bundle that can be written. */
export interface ReplayBundle {
  readonly request: Oid;
  /** The manifest's name: what has the same root is the same bytes. */
  readonly root: Oid;
  readonly jobs: number;
  /** The manifest not counted. */
  readonly objects: number;
  /** The file's bytes, in pieces of any length, read from the store as they are taken. Throws MissingObject or CorruptObject in its midst. */
  readonly bytes: Iterable<Uint8Array>;
}

/** The bundle of a request. Names are held in memory, no contents. Throws NothingRemembered, QuarantinedMemo, MalformedRequest, OversizeBundle, or MissingObject for what is gone that led to others. */
export function bundleOf(source: BundleSource, request: Oid): ReplayBundle {
  const needs = new Needs(source);
  needs.collect(request);
  const names = [...needs.names].toSorted();
  const jobs = [...needs.jobs.values()].toSorted((a, b) => (a.request < b.request ? -1 : 1));
  const manifest = encodeManifest({ request, objects: names.length, digest: digestOfNames(names), jobs });
  if (manifest.length > manifestBytesMax)
    throw new OversizeBundle(request, jobs.length, manifest.length, manifestBytesMax);
  const root = hashObject("blob", manifest);
  const bytes = { [Symbol.iterator]: () => bundleBytes(source, root, manifest, names) };
  return { request, root, jobs: jobs.length, objects: names.length, bytes };
}

function* bundleBytes(source: BundleSource, root: Oid, manifest: Uint8Array, names: readonly Oid[]) {
  yield carHeader(root);
  yield* carBlock(root, { kind: "blob", body: manifest });
  for (const name of names) yield* carBlock(name, source.get(name));
}

/** Digests names as they come. */
export class NamesDigest {
  readonly #hash = createHash("sha256");

  add(name: Oid): void {
    this.#hash.update(oidToBytes(name));
  }

  take(): string {
    return this.#hash.digest("hex");
  }
}

function digestOfNames(names: readonly Oid[]): string {
  const digest = new NamesDigest();
  for (const name of names) digest.add(name);
  return digest.take();
}

/** A manifest's bytes. */
export function encodeManifest({ request, objects, digest, jobs }: Manifest): Buffer {
  const lines = [firstLine, `request ${request}`, `objects ${objects} ${digest}`, `jobs ${jobs.length}`];
  for (const job of jobs) lines.push(`${job.request} ${job.fuel} ${outcomeText(job.outcome)}`);
  return Buffer.from(`${lines.join("\n")}\n`, "utf8");
}

function outcomeText(outcome: Outcome): string {
  return outcome.kind === "failed"
    ? `failed ${encodeOutcome(outcome).toString("utf8")}`
    : `${outcome.kind} ${outcome.oid}`;
}

/** What is wrong with a manifest's bytes. */
export class MalformedManifest extends Error {
  override readonly name = "MalformedManifest";
}

const oidText = "([0-9a-f]{40})";
const numberText = "(0|[1-9][0-9]{0,15})";
const headShape = new RegExp(
  `^${firstLine}\nrequest ${oidText}\nobjects ${numberText} ([0-9a-f]{64})\njobs ${numberText}\n`,
);
const jobShape = new RegExp(`^${oidText} ${numberText} (?:(blob|tree) ${oidText}|failed (.*))$`, "s");

/** The manifest that these bytes spell. Throws MalformedManifest. */
export function decodeManifest(bytes: Uint8Array): Manifest {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("utf8");
  if (!text.startsWith(`${firstLine}\n`)) {
    const [line] = text.slice(0, 80).split("\n");
    throw new MalformedManifest(
      line?.startsWith("coppice replay bundle ") === true
        ? `its version is ${JSON.stringify(line.slice("coppice replay bundle ".length))}, and this Coppice reads version 1`
        : "its first object is no manifest of a replay bundle",
    );
  }
  const [head, request, objects, digest, count] = headShape.exec(text) ?? [];
  if (head === undefined || !text.endsWith("\n")) throw new MalformedManifest("its manifest's head is malformed");
  const jobs: RecordedJob[] = [];
  for (let at = head.length; at < text.length;) {
    const end = text.indexOf("\n", at);
    jobs.push(parseJob(text.slice(at, end), jobs.length + 1, jobs.at(-1)));
    at = end + 1;
  }
  if (jobs.length !== Number(count))
    throw new MalformedManifest(`its manifest counts ${count} jobs and lists ${jobs.length}`);
  const manifest = { request: request as Oid, objects: Number(objects), digest: digest as string, jobs };
  if (!jobs.some((job) => job.request === request))
    throw new MalformedManifest("its manifest does not list its request");
  // Text that is not UTF-8 could be spelled in several ways.
  if (!encodeManifest(manifest).equals(bytes))
    throw new MalformedManifest("its manifest is not written as it should be");
  return manifest;
}

function parseJob(line: string, number: number, before: RecordedJob | undefined): RecordedJob {
  const malformed = () => new MalformedManifest(`job ${number} of its manifest is malformed`);
  const [, name = "", fuelText, kind, oid = "", json] = jobShape.exec(line) ?? [];
  const request = parseOid(name);
  const fuel = Number(fuelText);
  if (request === undefined || !Number.isSafeInteger(fuel)) throw malformed();
  if (before !== undefined && before.request >= request)
    throw new MalformedManifest(`job ${number} of its manifest is out of order`);
  const result = parseOid(oid);
  const outcome: Outcome | undefined =
    result === undefined
      ? decodeFailure(Buffer.from(json ?? "", "utf8"))
      : { kind: kind === "blob" ? "blob" : "tree", oid: result };
  if (outcome === undefined) throw malformed();
  return { request, outcome, fuel };
}

/** Collects jobs and the names of what they need. */
class Needs {
  readonly jobs = new Map<Oid, RecordedJob>();
  readonly names = new Set<Oid>();
  readonly #source: BundleSource;
  /** Trees that are collected with all that they name. */
  readonly #wholes = new Set<Oid>();
  /** Trees that a job made, of which all is collected that it had to have to make them. */
  readonly #made = new Set<Oid>();
  readonly #images = new Set<Oid>();

  constructor(source: BundleSource) {
    this.#source = source;
  }

  /** The request and all that it asked for, at any depth. */
  collect(top: Oid): void {
    const open = [top];
    const missing = new Set<Oid>();
    for (let request = open.pop(); request !== undefined; request = open.pop()) {
      if (this.jobs.has(request)) continue;
      const memo = this.#source.memo(request);
      if (memo === undefined) {
        missing.add(request);
        continue;
      }
      this.jobs.set(request, { request, outcome: memo.outcome, fuel: memo.fuel });
      // Once it is known that there will be no bundle, only what else is missing counts.
      if (missing.size === 0) this.#job(request, memo);
      for (const child of memo.children) if (!this.jobs.has(child)) open.push(child);
    }
    if (missing.size > 0) throw new NothingRemembered(top, [...missing].toSorted(), this.#askersOf(top, missing));
  }

  /** The jobs by way of which requests were asked for, `top` first. */
  #askersOf(top: Oid, requests: ReadonlySet<Oid>): readonly Oid[] {
    const parents = new Map<Oid, Oid[]>();
    for (const request of this.jobs.keys()) {
      for (const child of this.#source.memo(request)?.children ?? []) {
        const known = parents.get(child);
        if (known === undefined) parents.set(child, [request]);
        else known.push(request);
      }
    }
    const reached = new Set(requests);
    for (const each of reached) for (const parent of parents.get(each) ?? []) reached.add(parent);
    const askers = [...reached].filter((each) => !requests.has(each) && each !== top).toSorted();
    return requests.has(top) ? [] : [top, ...askers];
  }

  #job(name: Oid, memo: Memo): void {
    const { args, image } = readRequest(this.#source, name);
    this.names.add(name);
    for (const entry of requestEntries(this.#source.get(name).body)) this.names.add(entry);
    this.#worker(image);
    for (const read of memo.reads) this.names.add(read);
    if (memo.outcome.kind !== "failed") this.#whole(memo.outcome);
    let given: ReadonlySet<Oid> | undefined;
    for (const child of memo.children) {
      const [childArgs] = requestEntries(this.#source.get(child).body);
      for (const { mode, oid } of this.#entries(childArgs)) {
        this.names.add(oid);
        if (kindOfMode(mode) !== "tree" || this.#wholes.has(oid) || this.#made.has(oid)) continue;
        given ??= this.#given(args, memo);
        if (!given.has(oid)) this.#walk(oid, given);
      }
    }
  }

  /** What the worker's executor reads, which no memo says. */
  #worker(image: Oid): void {
    if (this.#images.has(image)) return;
    this.#images.add(image);
    const get = (name: Oid) => {
      this.names.add(name);
      return this.#source.get(name);
    };
    const found = resolveImage({ get }, image, undefined);
    if (!("error" in found)) this.names.add(found.node.module);
  }

  /** Names that a job met without making what they name: a tree of them was there before. */
  #given(args: Oid, { reads }: Memo): ReadonlySet<Oid> {
    const given = new Set<Oid>(reads);
    for (const tree of [args, ...reads]) {
      if (this.#source.kindOf(tree) === "tree") for (const { oid } of this.#entries(tree)) given.add(oid);
    }
    return given;
  }

  /** A result, which is here with all that it names. */
  #whole({ kind, oid }: Result): void {
    const open = [{ oid, isTree: kind === "tree" }];
    for (let next = open.pop(); next !== undefined; next = open.pop()) {
      this.names.add(next.oid);
      if (!next.isTree || this.#wholes.has(next.oid)) continue;
      this.#wholes.add(next.oid);
      for (const { mode, oid: below } of this.#entries(next.oid))
        open.push({ oid: below, isTree: kindOfMode(mode) === "tree" });
    }
  }

  /** A tree that a job made, or named by heart: then it never had to have what that names, and what is gone of it is not missed. */
  #walk(root: Oid, given: ReadonlySet<Oid>): void {
    const walked = new Set<Oid>();
    const open = [root];
    // What was given to this job another one may have made.
    let hasGiven = false;
    for (let name = open.pop(); name !== undefined; name = open.pop()) {
      if (walked.has(name) || this.#made.has(name) || this.#wholes.has(name)) continue;
      walked.add(name);
      for (const { mode, oid } of this.#entries(name)) {
        if (this.#source.kindOf(oid) === undefined) continue;
        this.names.add(oid);
        if (kindOfMode(mode) !== "tree") continue;
        if (given.has(oid)) hasGiven = true;
        else open.push(oid);
      }
    }
    if (!hasGiven) for (const name of walked) this.#made.add(name);
  }

  /** Entries that name objects; none of what is no tree, or a malformed one. */
  #entries(name: Oid): readonly TreeEntry[] {
    const { kind, body } = this.#source.get(name);
    if (kind !== "tree") return [];
    try {
      return decodeTree(body).filter(({ mode }) => kindOfMode(mode) !== "commit");
    } catch (error) {
      if (error instanceof MalformedTree) return []; // a guest that reads it is told so, here as there
      throw error;
    }
  }
}

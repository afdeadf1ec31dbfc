/**
 * The campaign of altered bundles: takes a sound replay bundle, alters it, and replays what is left.
 *
 *   node tests/engine/bundle-campaign.ts [--count N] [--seed S] [--first I]
 *
 * Half of the alterations are of bytes (bits, cuts, insertions, blocks twice or swapped); the others put the bundle together again with right hashes, names in order, and a manifest of right counts, unless it is the manifest
 * that is altered. Each must be refused as an UnfitBundle in one sentence, come to a difference, or be told to be another file than its jobs make. Anything else is a fault, as are bytes that changed and made no difference, and memory that
 * an altered length made grow. A fault names its number: `--seed S --first I --count 1` does that one again.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { openEngine, replayBundle, UnfitBundle, type Engine, type Oid, type Outcome } from "../../src/engine.ts";
import { encodeManifest, type Manifest, type RecordedJob } from "../../src/replay-bundle.ts";
import { hashObject, type GitObject } from "../../src/store/object.ts";
import { run, trapping } from "../guests/children.ts";
import { script } from "../guests/script.ts";
import { dice, type Dice } from "../scheduler/seeded.ts";
import { blocksOf, bundleInto, forged, partsOf, withManifest, type BundleParts } from "./bundle-forge.ts";
import { wholeNumber } from "../whole-number.ts";

export interface BundleCampaignOptions {
  readonly count: number;
  readonly seed: number;
  /** Number of the first alteration. */
  readonly first?: number;
  readonly print: (line: string) => void;
}

export interface BundleCampaignSummary {
  /** How often each ending was met, by alteration. */
  readonly endings: ReadonlyMap<string, Readonly<Record<Ending, number>>>;
  readonly faults: readonly string[];
  /** By how much the process grew, in bytes. */
  readonly grownBytes: number;
}

type Ending = "refused" | "different" | "inexact";

/** A sound bundle, and where its parts stand. */
interface Sound {
  readonly bytes: Buffer;
  readonly starts: readonly number[];
  readonly parts: BundleParts;
}

type Alteration = (sound: Sound, random: Dice) => Buffer;

const pick = <T>(all: readonly T[], random: Dice): T => all[random.below(all.length)] as T;

function randomBytes(length: number, random: Dice): Buffer {
  return Buffer.from(Array.from({ length }, () => random.below(256)));
}

/** A block's bytes, the manifest's being the first. */
function blockAt({ bytes, starts }: Sound, at: number): Buffer {
  return bytes.subarray(starts[at], starts[at + 1]);
}

function withBlocks(sound: Sound, order: readonly number[]): Buffer {
  return Buffer.concat([sound.bytes.subarray(0, sound.starts[0]), ...order.map((at) => blockAt(sound, at))]);
}

const inOrder = ({ starts }: Sound) => Array.from({ length: starts.length - 1 }, (_, at) => at);

function spliced(bytes: Buffer, at: number, removed: number, added: Uint8Array): Buffer {
  return Buffer.concat([bytes.subarray(0, at), added, bytes.subarray(at + removed)]);
}

/** Another bundle of these parts, in which one job is another. */
function withJob({ manifest, objects }: BundleParts, random: Dice, change: (job: RecordedJob) => RecordedJob): Buffer {
  const changed = pick(manifest.jobs, random);
  const jobs = manifest.jobs.map((job) => (job === changed ? change(job) : job));
  return forged({ manifest: { ...manifest, jobs }, objects });
}

function otherOutcome({ objects }: BundleParts, random: Dice): Outcome {
  const [name, { kind }] = pick([...objects], random);
  if (kind === "blob" || kind === "tree") return { kind, oid: name };
  return { kind: "failed", code: "trap", message: "forged" };
}

/** The objects with one of them replaced. */
function replaced(objects: BundleParts["objects"], random: Dice, other: (object: GitObject) => GitObject) {
  const chosen = pick([...objects.keys()], random);
  const entries = [...objects].map(([name, object]): [Oid, GitObject] => {
    if (name !== chosen) return [name, object];
    const { kind, body } = other(object);
    return [hashObject(kind, body), { kind, body }];
  });
  return new Map(entries);
}

function withByte(body: Uint8Array, random: Dice): Uint8Array {
  const changed = Buffer.from(body);
  if (changed.length === 0) return randomBytes(1 + random.below(20), random);
  const at = random.below(changed.length);
  changed[at] = (changed[at] as number) ^ (1 + random.below(255));
  return changed;
}

const ofBytes: Readonly<Record<string, Alteration>> = {
  "a bit": ({ bytes }, random) => {
    const changed = Buffer.from(bytes);
    const at = random.below(bytes.length);
    changed[at] = (changed[at] as number) ^ (1 << random.below(8));
    return changed;
  },
  "a bit of the header or the manifest": ({ bytes, starts }, random) => {
    const changed = Buffer.from(bytes);
    const at = random.below(starts[1] as number);
    changed[at] = (changed[at] as number) ^ (1 << random.below(8));
    return changed;
  },
  "a bit of a block's length or name": ({ bytes, starts }, random) => {
    const changed = Buffer.from(bytes);
    const at = pick(starts.slice(0, -1), random) + random.below(30);
    changed[at] = (changed[at] as number) ^ (1 << random.below(8));
    return changed;
  },
  "a length that is huge": (sound, random) => {
    const at = pick(sound.starts.slice(0, -1), random);
    const length = pick(["ffffffffffffffff7f", "ffffffff0f", "8080808002", "ffffff7f", "00"], random);
    return spliced(sound.bytes, at, 1, Buffer.from(length, "hex"));
  },
  "a cut": ({ bytes }, random) => bytes.subarray(0, random.below(bytes.length)),
  "a cut between blocks": ({ bytes, starts }, random) => bytes.subarray(0, pick(starts.slice(0, -1), random)),
  "bytes at the end": ({ bytes }, random) => Buffer.concat([bytes, randomBytes(1 + random.below(40), random)]),
  "bytes in the midst": ({ bytes }, random) =>
    spliced(bytes, random.below(bytes.length), 0, randomBytes(1 + random.below(40), random)),
  "bytes left out": ({ bytes }, random) =>
    spliced(bytes, random.below(bytes.length), 1 + random.below(40), Buffer.alloc(0)),
  zeros: ({ bytes }, random) => {
    const changed = Buffer.from(bytes);
    const at = random.below(bytes.length);
    return changed.fill(0, at, Math.min(at + 1 + random.below(400), changed.length));
  },
  "bytes of another place": ({ bytes }, random) => {
    const changed = Buffer.from(bytes);
    const from = random.below(bytes.length);
    bytes.copy(changed, random.below(bytes.length), from, from + 1 + random.below(400));
    return changed;
  },
  "a block twice": (sound, random) => {
    const order = inOrder(sound);
    const at = random.below(order.length);
    return withBlocks(sound, order.toSpliced(at + random.below(order.length - at), 0, at));
  },
  "two blocks swapped": (sound, random) => {
    const order = inOrder(sound);
    const [a, b] = [random.below(order.length), random.below(order.length)];
    return withBlocks(sound, order.with(a, b).with(b, a));
  },
  "a block left out": (sound, random) => {
    const order = inOrder(sound);
    return withBlocks(sound, order.toSpliced(random.below(order.length), 1));
  },
  noise: (_, random) => randomBytes(random.below(4000), random),
};

const ofMeaning: Readonly<Record<string, Alteration>> = {
  "another outcome": ({ parts }, random) =>
    withJob(parts, random, (job) => ({ ...job, outcome: otherOutcome(parts, random) })),
  "another failure": ({ parts }, random) =>
    withJob(parts, random, (job) => ({
      ...job,
      outcome: { kind: "failed", code: "trap", message: `forged ${random.below(9)}` },
    })),
  "other fuel": ({ parts }, random) =>
    withJob(parts, random, (job) => ({ ...job, fuel: job.fuel + 1 + random.below(1000) })),
  "a job left out": ({ parts: { manifest, objects } }, random) => {
    const jobs = manifest.jobs.toSpliced(random.below(manifest.jobs.length), 1);
    return forged({ manifest: { ...manifest, jobs }, objects });
  },
  "a job too many": ({ parts }, random) => {
    const { manifest, objects } = parts;
    const request = pick([...objects.keys()], random);
    const others = manifest.jobs.filter((job) => job.request !== request);
    const jobs = [...others, { request, fuel: random.below(1000), outcome: otherOutcome(parts, random) }];
    return forged({
      manifest: { ...manifest, jobs: jobs.toSorted((a, b) => (a.request < b.request ? -1 : 1)) },
      objects,
    });
  },
  "another request": ({ parts: { manifest, objects } }, random) =>
    forged({ manifest: { ...manifest, request: pick(manifest.jobs, random).request }, objects }),
  "an object left out": ({ parts: { manifest, objects } }, random) => {
    const chosen = pick([...objects.keys()], random);
    return forged({ manifest, objects: new Map([...objects].filter(([name]) => name !== chosen)) });
  },
  "an object too many": ({ parts: { manifest, objects } }, random) => {
    const body = randomBytes(random.below(60), random);
    const kind = pick(["blob", "tree", "commit", "tag"] as const, random);
    return forged({ manifest, objects: new Map([...objects, [hashObject(kind, body), { kind, body }]]) });
  },
  "another object in the place of one": ({ parts: { manifest, objects } }, random) =>
    forged({
      manifest,
      objects: replaced(objects, random, ({ kind, body }) => ({ kind, body: withByte(body, random) })),
    }),
  "an object of another kind": ({ parts: { manifest, objects } }, random) =>
    forged({
      manifest,
      objects: replaced(objects, random, ({ kind, body }) => ({ kind: kind === "blob" ? "tree" : "blob", body })),
    }),
  "another count or digest": ({ parts: { manifest, objects } }, random) => {
    const changes: readonly Partial<Manifest>[] = [
      { objects: manifest.objects + 1 },
      { objects: manifest.objects - 1 },
      { objects: 0 },
      { digest: manifest.digest.replace(/^./, (digit) => (digit === "0" ? "1" : "0")) },
    ];
    return withManifest(encodeManifest({ ...manifest, ...pick(changes, random) }), objects);
  },
  "another manifest": ({ parts: { manifest, objects } }, random) => {
    const body = encodeManifest(manifest);
    const at = random.below(body.length);
    const edits = [
      withByte(body, random),
      body.subarray(0, at),
      spliced(body, at, random.below(50), randomBytes(random.below(3), random)),
    ];
    return withManifest(pick(edits, random), objects);
  },
};

/** Bytes that a campaign may grow by: what replays leave in a process, and what an executor's thread takes. */
const grownBytesMost = 600 << 20;

/** Alters and replays so many times. */
export async function runBundleCampaign({
  count,
  seed,
  first = 0,
  print,
}: BundleCampaignOptions): Promise<BundleCampaignSummary> {
  const folder = mkdtempSync(join(tmpdir(), "coppice-bundle-campaign-"));
  try {
    const sounds = await soundBundles(folder);
    const endings = new Map<string, Record<Ending, number>>();
    const faults: string[] = [];
    const startBytes = process.memoryUsage.rss();
    let mostBytes = startBytes;
    for (let number = first; number < first + count; number++) {
      // Each by its own dice, so that one can be done again alone.
      const random = dice(seed * 1_000_003 + number);
      const [name, alter] = pick(Object.entries(random.below(2) === 0 ? ofBytes : ofMeaning), random);
      const sound = pick(sounds, random);
      let bytes = alter(sound, random);
      // A block swapped with itself is no alteration.
      while (bytes.equals(sound.bytes)) bytes = alter(sound, random);
      const ending = await endingOf(bytes, join(folder, "altered.car"));
      mostBytes = Math.max(mostBytes, process.memoryUsage.rss());
      if (ending.startsWith("fault")) {
        const fault = `alteration ${number} of seed ${seed} (${name}): ${ending}`;
        faults.push(fault);
        print(fault);
        continue;
      }
      const counts = endings.get(name) ?? { refused: 0, different: 0, inexact: 0 };
      counts[ending as Ending]++;
      endings.set(name, counts);
    }
    const grownBytes = mostBytes - startBytes;
    if (grownBytes > grownBytesMost) faults.push(`the process grew by ${grownBytes} bytes`);
    return { endings, faults, grownBytes };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function endingOf(bytes: Buffer, file: string): Promise<Ending | `fault: ${string}`> {
  writeFileSync(file, bytes);
  try {
    const { differing, isExact } = await replayBundle(file, { executors: 1 });
    if (differing > 0) return "different";
    return isExact === true ? "fault: it replayed as if nothing had been altered" : "inexact";
  } catch (error) {
    if (error instanceof UnfitBundle && !error.message.includes("\n")) return "refused";
    return `fault: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`;
  }
}

/** A fold over some files, and a guest whose nested job fails. */
async function soundBundles(folder: string): Promise<readonly Sound[]> {
  const engine = openEngine({ store: join(folder, "store.sqlite"), executors: 1 });
  try {
    const requests = [(await fold(engine)).request, (await failingRun(engine)).request];
    const sounds: Sound[] = [];
    for (const [at, request] of requests.entries()) {
      const file = join(folder, `sound-${at}.car`);
      const bytes = await bundleInto(engine, request, file);
      sounds.push({ bytes, starts: blocksOf(file), parts: partsOf(file) });
    }
    return sounds;
  } finally {
    await engine.close();
  }
}

function fold(engine: Engine) {
  const file = (name: string) => ({ mode: "100644", name, oid: engine.putBlob(Buffer.from(`in ${name}\n`)) }) as const;
  const inner = engine.putTree([file("c"), file("d")]);
  const tree = engine.putTree([file("a"), file("b"), { mode: "40000", name: "inner", oid: inner }]);
  return engine.fold({ in: tree, post: "language-stats" });
}

function failingRun(engine: Engine) {
  const asking = script([run(engine.addWorker(trapping)), { wat: "unreachable" }]);
  return engine.run({ worker: engine.addWorker(asking) });
}

const print = (line: string) => void process.stdout.write(`${line}\n`);

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      count: { type: "string", default: "1000" },
      seed: { type: "string", default: "1" },
      first: { type: "string", default: "0" },
    },
  });
  const number = (name: keyof typeof values) => wholeNumber(name, values[name]);
  const options = { count: number("count"), seed: number("seed"), first: number("first"), print };
  const { endings, faults, grownBytes } = await runBundleCampaign(options);
  for (const [name, { refused, different, inexact }] of endings)
    print(`${name}: ${refused} refused, ${different} different, ${inexact} inexact`);
  print(`${options.count} altered, ${faults.length} faults; the process grew by ${Math.round(grownBytes / 1e6)} MB`);
  process.exitCode = faults.length > 0 ? 1 : 0;
}

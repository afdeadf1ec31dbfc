/** Bundles taken apart and put together again: with right hashes throughout, so that what is forged is found by what it says, if at all. */
import { writeFileSync } from "node:fs";
import type { Engine, Oid } from "../../src/engine.ts";
import { decodeManifest, encodeManifest, NamesDigest, type Manifest } from "../../src/replay-bundle.ts";
import { CarReader, carBlock, carHeader } from "../../src/store/car.ts";
import { hashObject, type GitObject } from "../../src/store/object.ts";

export interface BundleParts {
  readonly manifest: Manifest;
  readonly objects: ReadonlyMap<Oid, GitObject>;
}

/** Writes a request's bundle to a file and returns its bytes. */
export async function bundleInto(engine: Engine, request: Oid, file: string): Promise<Buffer> {
  const bytes = Buffer.concat([...(await engine.bundle(request)).bytes]);
  writeFileSync(file, bytes);
  return bytes;
}

/** The parts of a sound bundle. */
export function partsOf(file: string): BundleParts {
  const car = new CarReader(file);
  try {
    const manifest = decodeManifest(car.next()?.object.body ?? new Uint8Array());
    const objects = new Map<Oid, GitObject>();
    for (let block = car.next(); block !== undefined; block = car.next()) objects.set(block.name, block.object);
    return { manifest, objects };
  } finally {
    car.close();
  }
}

/** Where the blocks of a sound bundle begin, the manifest's first; and where it ends. */
export function blocksOf(file: string): number[] {
  const car = new CarReader(file);
  try {
    const starts: number[] = [];
    for (let block = car.next(); block !== undefined; block = car.next()) starts.push(block.at);
    return [...starts, car.size];
  } finally {
    car.close();
  }
}

/** A bundle of these objects under a manifest whose count and digest fit them. */
export function forged({ manifest, objects }: BundleParts): Buffer {
  const names = [...objects.keys()].toSorted();
  const digest = new NamesDigest();
  for (const name of names) digest.add(name);
  const fitting = { ...manifest, objects: names.length, digest: digest.take() };
  return withManifest(encodeManifest(fitting), objects);
}

/** A bundle of these objects under a manifest of any text. */
export function withManifest(body: Uint8Array, objects: BundleParts["objects"]): Buffer {
  const root = hashObject("blob", body);
  const blocks = [...objects]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([name, object]) => carBlock(name, object));
  return Buffer.concat([carHeader(root), ...carBlock(root, { kind: "blob", body }), ...blocks]);
}

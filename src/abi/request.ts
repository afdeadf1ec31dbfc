/**
 * Requests: the tree that names all a job may see (spec, section 1).
 *
 * Bytes: `40000 args` NUL oid, `100644 image` NUL oid, `100644 salt` NUL oid, `100644 std` NUL oid, in that order and nothing else.
 */
import { isUtf8 } from "node:buffer";
import { oidBytes, oidFromBytes, parseOid, type Oid } from "../store/oid.ts";
import { emptyTree } from "../store/object.ts";
import type { ObjectReader, Objects } from "./objects.ts";

/** The parts of a request that pass unchanged into every nested one. */
export interface Surroundings {
  /** The standard library, a tree `{name: worker}`; undefined when there is none. */
  readonly std: Oid | undefined;
  /** Blob that spells `std`. */
  readonly stdBlob: Oid;
  readonly salt: string;
  /** Blob that holds `salt`. */
  readonly saltBlob: Oid;
}

/** A request taken apart. `image` is a runtime node. */
export interface Request extends Surroundings {
  readonly oid: Oid;
  readonly args: Oid;
  readonly image: Oid;
}

/** An object that is no request. */
export class MalformedRequest extends Error {
  override readonly name = "MalformedRequest";
  readonly oid: Oid;
  readonly reason: string;
  constructor(name: Oid, reason: string) {
    super(`${name} is not a request: ${reason}`);
    this.oid = name;
    this.reason = reason;
  }
}

/** Stores the blobs for a standard library and a salt. */
export function putSurroundings(objects: Objects, std: Oid | undefined, salt: string): Surroundings {
  return {
    std,
    stdBlob: objects.put("blob", Buffer.from(std ?? "", "latin1")),
    salt,
    saltBlob: objects.put("blob", Buffer.from(salt, "utf8")),
  };
}

const names = ["args", "image", "salt", "std"] as const;
const slots = names.map((name) => Buffer.from(`${name === "args" ? "40000" : "100644"} ${name}\0`, "latin1"));
const slotOffsets = slots.map((_, at) =>
  slots.slice(0, at + 1).reduce((sum, slot) => sum + slot.length, at * oidBytes),
);
const [argsAt, imageAt, saltAt, stdAt] = slotOffsets as [number, number, number, number];
const template = Buffer.concat(slots.flatMap((slot) => [slot, Buffer.alloc(oidBytes)]));

/** The bytes of a request's tree, given the oids of its four entries. */
export function encodeRequest(args: Oid, imageBlob: Oid, saltBlob: Oid, stdBlob: Oid): Buffer {
  const bytes = Buffer.allocUnsafe(template.length);
  template.copy(bytes);
  bytes.write(args, argsAt, "hex");
  bytes.write(imageBlob, imageAt, "hex");
  bytes.write(saltBlob, saltAt, "hex");
  bytes.write(stdBlob, stdAt, "hex");
  return bytes;
}

/** All of a request but its args: what the requests of one worker in the same surroundings have in common. */
export interface RequestForm {
  readonly image: Oid;
  /** Spells `image`. */
  readonly imageBlob: Oid;
  readonly around: Surroundings;
  readonly bytes: Buffer;
}

/** The form of requests for a runtime node. Stores what it names. */
export function requestForm(objects: Objects, image: Oid, around: Surroundings): RequestForm {
  const imageBlob = objects.put("blob", Buffer.from(image, "latin1"));
  const { std, stdBlob, salt, saltBlob } = around;
  const bytes = encodeRequest(emptyTree, imageBlob, saltBlob, stdBlob);
  return { image, imageBlob, around: { std, stdBlob, salt, saltBlob }, bytes };
}

/** Stores the request of that form for an args tree. What the form names must be here. */
export function putRequestOf(objects: Objects, { image, around, bytes }: RequestForm, args: Oid): Request {
  const filled = Buffer.allocUnsafe(bytes.length);
  bytes.copy(filled);
  filled.write(args, argsAt, "hex");
  const oid = objects.put("tree", filled);
  return { oid, args, image, std: around.std, stdBlob: around.stdBlob, salt: around.salt, saltBlob: around.saltBlob };
}

/** Stores the request for a runtime node and an args tree, and returns it. */
export function putRequest(objects: Objects, image: Oid, args: Oid, around: Surroundings): Request {
  return putRequestOf(objects, requestForm(objects, image, around), args);
}

/** Takes a request apart. Throws MalformedRequest, or MissingObject when it, or one of its three blobs, is not here. */
export function readRequest(objects: ObjectReader, name: Oid): Request {
  const tree = objects.get(name);
  if (tree.kind !== "tree") throw new MalformedRequest(name, `it is a ${tree.kind}, not a tree`);
  const bytes = Buffer.from(tree.body.buffer, tree.body.byteOffset, tree.body.length);
  const isShaped =
    bytes.length === template.length &&
    slots.every((slot, at) => {
      const end = slotOffsets[at] as number;
      return bytes.subarray(end - slot.length, end).equals(slot);
    });
  if (!isShaped) throw new MalformedRequest(name, "its entries are not args, image, salt and std");
  const [args, imageBlob, saltBlob, stdBlob] = slotOffsets.map((at) => oidFromBytes(bytes, at)) as [Oid, Oid, Oid, Oid];
  const blob = (at: Oid, what: string) => {
    const object = objects.get(at);
    if (object.kind !== "blob") throw new MalformedRequest(name, `its ${what} is not a blob`);
    return object.body;
  };
  const image = parseOid(Buffer.from(blob(imageBlob, "image")).toString("latin1"));
  if (image === undefined) throw new MalformedRequest(name, "its image is not an oid");
  const stdText = Buffer.from(blob(stdBlob, "std")).toString("latin1");
  const std = stdText === "" ? undefined : parseOid(stdText);
  if (std === undefined && stdText !== "") throw new MalformedRequest(name, "its std is not an oid");
  const saltBytes = blob(saltBlob, "salt");
  if (!isUtf8(saltBytes)) throw new MalformedRequest(name, "its salt is not UTF-8");
  return { oid: name, args, image, std, stdBlob, salt: Buffer.from(saltBytes).toString("utf8"), saltBlob };
}

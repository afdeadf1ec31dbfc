/** Requests: the tree that names all a job may see (spec, section 1). Its bytes: src/store/request-tree.ts. */
import { isUtf8 } from "node:buffer";
import { emptyTree } from "../store/object.ts";
import { parseOid, type Oid } from "../store/oid.ts";
import { encodeRequest, isRequestTree, requestEntries, requestSurroundings } from "../store/request-tree.ts";
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

/** All of a request but its args: what the requests of one worker in the same surroundings have in common. */
export interface RequestForm {
  readonly image: Oid;
  /** Spells `image`. */
  readonly imageBlob: Oid;
  readonly around: Surroundings;
  /** All of the request's bytes that come after its args' oid. */
  readonly rest: Uint8Array;
}

/** The form of requests for a runtime node. Stores what it names. */
export function requestForm(objects: Objects, image: Oid, around: Surroundings): RequestForm {
  const imageBlob = objects.put("blob", Buffer.from(image, "latin1"));
  const { std, stdBlob, salt, saltBlob } = around;
  const rest = requestSurroundings(encodeRequest(emptyTree, imageBlob, saltBlob, stdBlob));
  return { image, imageBlob, around: { std, stdBlob, salt, saltBlob }, rest };
}

/** Stores the request of that form for an args tree. What the form names must be here. */
export function putRequestOf(objects: Objects, { image, around, rest }: RequestForm, args: Oid): Request {
  const oid = objects.putRequest(args, rest);
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
  if (!isRequestTree(tree.body)) throw new MalformedRequest(name, "its entries are not args, image, salt and std");
  const [args, imageBlob, saltBlob, stdBlob] = requestEntries(tree.body);
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

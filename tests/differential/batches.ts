/**
 * Guests are called in batches. Those of a batch are each other's standard library under the names `g00`, `g01`, …, and the args of each are `{n: blob of one byte}`, a level times `variants` and a variant: a guest of
 * a level above 0 runs others with the level below. So the requests of a batch are few, are asked for many times, and never make a circle.
 */
import { hashObject } from "../../src/store/object.ts";
import type { Oid } from "../../src/store/oid.ts";
import { counted, moduleOf, named } from "../guests/bytes.ts";
import { Code, op } from "./code.ts";
import { itemBytes, nameBytes, oidBytes } from "./layout.ts";

/** Guests of a batch, and what each can be asked. */
export const batchGuests = 16;
export const levels = 3;
export const variants = 2;
/** The arguments of a batch's requests. */
export const argBytes: readonly Uint8Array[] = Array.from({ length: levels * variants }, (_, n) => Uint8Array.of(n));

/** The trees `{n: blob}` that they are. */
export const argTrees: readonly Oid[] = argBytes.map((bytes) => {
  const blob = hashObject("blob", bytes);
  return hashObject("tree", Buffer.concat([Buffer.from("100644 n\0", "latin1"), Buffer.from(blob, "hex")]));
});

/** Name of a batch's guest in its standard library. */
export function guestName(at: number): string {
  return `g${String(at).padStart(2, "0")}`;
}

/** The requests of a batch, in the order in which `batchModule` asks for them: from the top, so that those below are nested first. */
export function batchRequests(guests: number): readonly { readonly guest: number; readonly n: number }[] {
  return [...argBytes.keys()].toReversed().flatMap((n) => Array.from({ length: guests }, (_, guest) => ({ guest, n })));
}

/** A guest that asks for all requests of a batch of so many guests at once. */
export function batchModule(guests: number): Uint8Array {
  const requests = batchRequests(guests);
  const names = requests.length * itemBytes;
  const oids = names + batchGuests * nameBytes;
  const answers = oids + argTrees.length * oidBytes;
  const result = answers + requests.length * 24;
  const items = Buffer.alloc(names);
  for (const [at, { guest, n }] of requests.entries()) {
    const fields = [names + guest * nameBytes, nameBytes, oids + n * oidBytes, oidBytes];
    for (const [field, value] of fields.entries()) items.writeUInt32LE(value, at * itemBytes + field * 4);
  }
  const texts = Array.from({ length: batchGuests }, (_, guest) => `/cas/std/${guestName(guest)}`).join("");
  const bytes = Buffer.concat([items, Buffer.from(texts), Buffer.from(argTrees.join(""), "hex")]);
  const code = new Code(new Set());
  code.i32(0).i32(requests.length).i32(answers).call(0).op(op.drop);
  code
    .i32(answers)
    .i32(requests.length * 24)
    .i32(result)
    .call(1)
    .op(op.drop);
  code.i32(0).i32(result).call(2).op(op.drop).end();
  return moduleOf(
    [1, [3, 0x60, 3, 0x7f, 0x7f, 0x7f, 1, 0x7f, 0x60, 2, 0x7f, 0x7f, 1, 0x7f, 0x60, 0, 0]],
    [2, [3, ...imported("run_many", 0), ...imported("put_blob", 0), ...imported("out", 1)]],
    [3, [1, 2]],
    [5, [1, 0, 1]],
    [7, [2, ...named("memory"), 2, 0, ...named("caos_run"), 0, 3]],
    [10, [1, ...counted([0, ...code.bytes])]],
    [11, [1, 0, 0x41, 0, 0x0b, ...counted(bytes)]],
  );
}

function imported(name: string, type: number): number[] {
  return [...named("coppice_v1"), ...named(name), 0, type];
}

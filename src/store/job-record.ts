/**
 * A job as the store writes it: a record of a pack for each request, holding its tree, the tree of its args and its memo, as far as the store has them.
 *
 *   flags           3 the memo's outcome (0 no memo, 1 blob, 2 tree, 3 failed) | 4 quarantined | 8 holds the request's tree | 16 has a detail
 *   request         20 bytes
 *   if 8            number of the request's surroundings (table `surroundings`); length of args, args: 20 bytes are the oid of a tree that stands elsewhere, anything
 *                   else is the tree itself (no tree is 20 bytes long: its shortest entry is 28)
 *   if there is     run; fuel; outcome (20 bytes, or of a failure length and canonical JSON); if 16 length and detail; length of reads, reads;
 *   a memo          length of children, children
 *   seal            16 bytes of a SHA-256 over all that: an object is vouched for by its name, a memo by nothing else
 *
 * The trees carry no second digest: their bytes stand here, and are compared themselves when the object comes again.
 */
import { Damage } from "./damage.ts";
import { oidBytes, oidFromBytes, unpackOids, type Oid } from "./oid.ts";
import type { Outcome } from "./outcome.ts";
import type { PackWriter, RecordReader } from "./pack.ts";

/** How an outcome's kind is written. */
export const outcomeCodes = { blob: 1, tree: 2, failed: 3 } as const satisfies Record<Outcome["kind"], number>;

const outcomeMask = 3;
const quarantinedFlag = 4;
const treeFlag = 8;
const detailFlag = 16;

/** Oids, or their bytes end to end, which are what is read: few memos that are looked up are asked for their lists. */
type OidList = readonly Oid[] | Uint8Array;

/** The names that a list holds. */
export function oidsOf(list: OidList): readonly Oid[] {
  return list instanceof Uint8Array ? unpackOids(list) : list;
}

/** A memo as it stands in a record; `result` is an oid, or the canonical JSON of a failure. */
export interface StoredMemo {
  readonly run: number;
  readonly kind: 1 | 2 | 3;
  readonly result: Oid | Uint8Array;
  readonly detail: string | undefined;
  readonly fuel: number;
  readonly reads: OidList;
  readonly children: OidList;
  readonly quarantined: boolean;
}

/** The tree of a request: which surroundings, and its args (an oid, or the bytes of the tree). */
export interface StoredRequest {
  readonly surroundings: number;
  readonly args: Oid | Uint8Array;
}

export interface JobRecord {
  readonly request: Oid;
  readonly tree: StoredRequest | undefined;
  readonly memo: StoredMemo | undefined;
}

/** Begins a record and fills it. */
export function encodeJob(writer: PackWriter, { request, tree, memo }: JobRecord): void {
  const detail = memo?.detail === undefined ? undefined : Buffer.from(memo.detail, "utf8");
  const quarantined = memo?.quarantined === true ? quarantinedFlag : 0;
  const has = (tree === undefined ? 0 : treeFlag) | (detail === undefined ? 0 : detailFlag);
  writer.begin((memo?.kind ?? 0) | quarantined | has, request);
  if (tree !== undefined) {
    writer.number(tree.surroundings);
    if (typeof tree.args === "string") {
      writer.number(oidBytes);
      writer.oid(tree.args);
    } else writer.counted(tree.args);
  }
  if (memo !== undefined) {
    writer.number(memo.run);
    writer.number(memo.fuel);
    if (typeof memo.result === "string") writer.oid(memo.result);
    else writer.counted(memo.result);
    if (detail !== undefined) writer.counted(detail);
    encodeOids(writer, memo.reads);
    encodeOids(writer, memo.children);
  }
  writer.seal();
}

function encodeOids(writer: PackWriter, list: OidList): void {
  if (list instanceof Uint8Array) {
    writer.counted(list);
    return;
  }
  writer.number(list.length * oidBytes);
  for (const name of list) writer.oid(name);
}

/** The job that a record holds; its bytes are views of the pack. Throws Damage. */
export function decodeJob(record: RecordReader): JobRecord {
  record.unseal();
  const flags = record.byte();
  const request = record.oid();
  let tree: StoredRequest | undefined;
  if ((flags & treeFlag) !== 0) {
    const surroundings = record.number();
    const args = record.counted();
    tree = { surroundings, args: args.length === oidBytes ? oidFromBytes(args) : args };
  }
  let memo: StoredMemo | undefined;
  const kind = flags & outcomeMask;
  if (kind === 1 || kind === 2 || kind === 3) {
    memo = {
      run: record.number(),
      fuel: record.number(),
      kind,
      result: kind === outcomeCodes.failed ? record.counted() : record.oid(),
      detail: (flags & detailFlag) === 0 ? undefined : record.counted().toString("utf8"),
      reads: decodeOids(record),
      children: decodeOids(record),
      quarantined: (flags & quarantinedFlag) !== 0,
    };
  }
  if (!record.isAtEnd) throw new Damage("a record has bytes left over");
  return { request, tree, memo };
}

/** What figures need to know of a record. */
export interface JobOutline {
  /** The request's, and the args' if it stands here. */
  readonly trees: number;
  /** One of `outcomeCodes`; 0 when there is no memo. */
  readonly outcome: number;
  readonly isQuarantined: boolean;
}

/** A record's outline, unchecked: a tenth of the time that decoding takes. Throws Damage. */
export function outlineJob(record: RecordReader): JobOutline {
  const flags = record.byte();
  record.skip(oidBytes);
  let trees = 0;
  if ((flags & treeFlag) !== 0) {
    record.number();
    trees = record.number() === oidBytes ? 1 : 2;
  }
  return { trees, outcome: flags & outcomeMask, isQuarantined: (flags & quarantinedFlag) !== 0 };
}

/** A memo that consumed others, and which. */
export interface JobLink {
  readonly request: Oid;
  readonly children: readonly Oid[];
}

/** What a record's memo consumed, unchecked, as `outlineJob`; undefined when there is no memo, or one that consumed nothing. Throws Damage. */
export function linkJob(record: RecordReader): JobLink | undefined {
  const flags = record.byte();
  const kind = flags & outcomeMask;
  if (kind === 0) return undefined;
  const name = record.bytes(oidBytes);
  if ((flags & treeFlag) !== 0) {
    record.number();
    record.skip(record.number());
  }
  record.number();
  record.number();
  record.skip(kind === outcomeCodes.failed ? record.number() : oidBytes);
  if ((flags & detailFlag) !== 0) record.skip(record.number());
  record.skip(record.number());
  const children = decodeOids(record);
  return children.length === 0 ? undefined : { request: oidFromBytes(name), children: unpackOids(children) };
}

function decodeOids(record: RecordReader): Buffer {
  const bytes = record.counted();
  if (bytes.length % oidBytes !== 0) throw new Damage("a list is no whole number of oids");
  return bytes;
}

/**
 * Content identifiers: the same name in multiformats' words, CIDv1 with codec git-raw (0x78) over sha1 (0x11), in base32.
 */
import { CID } from "multiformats/cid";
import { create } from "multiformats/hashes/digest";
import { oidBytes, oidFromBytes, oidToBytes, type Oid } from "./oid.ts";

const gitRaw = 0x78;
const sha1 = 0x11;

/** The CID of the object that `name` names. */
export function cidOf(name: Oid): string {
  return CID.createV1(gitRaw, create(sha1, oidToBytes(name))).toString();
}

/** The oid inside a CID of a git object; undefined when the text is no such CID. */
export function oidOfCid(text: string): Oid | undefined {
  if (!/^[bz][0-9A-Za-z]{20,80}$/.test(text)) return undefined;
  let cid: CID;
  try {
    cid = CID.parse(text);
  } catch {
    return undefined; // CID.parse reports a text that is no CID by throwing
  }
  if (cid.code !== gitRaw || cid.multihash.code !== sha1 || cid.multihash.digest.length !== oidBytes) return undefined;
  return oidFromBytes(cid.multihash.digest);
}

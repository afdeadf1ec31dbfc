/** The clock and the random bytes that guests have instead of the machine's. */
import { createHash } from "node:crypto";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { RandomStream, VirtualClock } from "../../src/abi/virtual.ts";
import { oid, oidToBytes } from "../../src/store/oid.ts";

test("clocks start at a billion seconds and at 0, and any reading advances both by a microsecond", () => {
  const clock = new VirtualClock();
  expect(clock.read("realtime")).toBe(1_000_000_000_000_000_000n);
  expect(clock.read("realtime")).toBe(1_000_000_000_000_001_000n);
  expect(clock.read("other")).toBe(2_000n);
  expect(clock.read("realtime")).toBe(1_000_000_000_000_003_000n);
  expect(new VirtualClock().read("other")).toBe(0n);
});

const request = oid("c3d91ba1689d15aaaa4127be44585a3fbdd5aab1");

/** The contract's sentence: SHA-256(domain NUL, 20 bytes, counter), block after block. */
function expected(length: number): string {
  const blocks: Buffer[] = [];
  for (let counter = 0; counter * 32 < length; counter++) {
    const bytes = Buffer.alloc(8);
    bytes.writeBigUInt64LE(BigInt(counter));
    blocks.push(createHash("sha256").update("coppice-random/1\0").update(oidToBytes(request)).update(bytes).digest());
  }
  return Buffer.concat(blocks).subarray(0, length).toString("hex");
}

test("random bytes are one stream, in whatever pieces they are read", () => {
  fc.assert(
    fc.property(fc.array(fc.nat(100), { maxLength: 20 }), (lengths) => {
      const stream = new RandomStream(request);
      const pieces = lengths.map((length) => {
        const piece = Buffer.alloc(length);
        stream.fill(piece);
        return piece;
      });
      const whole = Buffer.concat(pieces);
      expect(whole.toString("hex")).toBe(expected(whole.length));
    }),
  );
});

test("a piece fills its own bytes of a larger memory and no others", () => {
  const memory = Buffer.alloc(100);
  new RandomStream(request).fill(memory.subarray(30, 77));
  expect(memory.toString("hex")).toBe(`${"00".repeat(30)}${expected(47)}${"00".repeat(23)}`);
});

function first(name: string): string {
  const bytes = Buffer.alloc(32);
  new RandomStream(oid(name)).fill(bytes);
  return bytes.toString("hex");
}

test("requests that differ have streams that differ; each execution starts afresh", () => {
  expect(first("0".repeat(40))).not.toBe(first("1".repeat(40)));
  expect(first("1".repeat(40))).toBe(first("1".repeat(40)));
});

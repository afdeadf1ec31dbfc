/** The guest that the shell asks whether a blob is plain text: it says what `isPlainText` says. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openEngine, type Engine, type Oid } from "../../src/engine.ts";
import { isPlainText } from "../../src/tools/plain-call.ts";
import { buildWorkers, stdFolder } from "../../workers/build.ts";

const folder = mkdtempSync(join(tmpdir(), "coppice-plain-text-"));
let engine: Engine;
let worker: Oid;
beforeAll(async () => {
  await buildWorkers();
  engine = openEngine({ store: join(folder, "store.sqlite") });
  worker = engine.addWorker(readFileSync(join(stdFolder, "plain-text.wasm")));
});
afterAll(async () => {
  await engine.close();
  rmSync(folder, { recursive: true });
});

async function isPlain(bytes: Uint8Array): Promise<boolean> {
  const { outcome } = await engine.run({ worker, args: { blob: bytes } });
  if (outcome.kind === "failed") throw new Error(outcome.message);
  const said = Buffer.from(engine.get(outcome.oid).body).toString("latin1");
  if (said !== "" && said !== "other") throw new Error(`it says ${said}`);
  return said === "";
}

const line = "line of text\n";
/** As long as two pieces that it reads, and a bit. */
const long = line.repeat(2600);

test("nothing, ended lines and long texts are plain, and a line that nothing ends is not", async () => {
  const texts = ["", "\n", "a\n", "a", "\t \n~\n", "a\nb", long, long.slice(0, -1), `${long.slice(0, 16_383)}\n`];
  for (const each of texts)
    expect([each.slice(-20), await isPlain(Buffer.from(each))]).toEqual([each.slice(-20), isPlainText(each)]);
});

test("of each byte it says what the shell would, at the beginning, in the middle and at the end", async () => {
  for (let byte = 0; byte < 256; byte++) {
    const char = String.fromCharCode(byte);
    for (const text of [`${char}${line}`, `${long}${char}\n`, `a\n${char}`]) {
      expect([byte, text.length, await isPlain(Buffer.from(text, "latin1"))]).toEqual([
        byte,
        text.length,
        isPlainText(text),
      ]);
    }
  }
});

test("it says so wherever the byte stands, and whatever stands beside it", async () => {
  for (const char of ["\b", "\t", "\n", "\v", "\x1f", " ", "~", "\x7f", "\x80", "\xff"]) {
    for (let at = 0; at < 9; at++) {
      for (const beside of ["\0", "\t", "\n", "~"]) {
        const text = `${beside.repeat(at)}${char}${beside.repeat(9 - at)}\n`;
        expect([text, await isPlain(Buffer.from(text, "latin1"))]).toEqual([text, isPlainText(text)]);
      }
    }
  }
});

import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { lineCount, partOfLines, showText, type Part } from "../../src/server/shown-text.ts";
import { hashObject } from "../../src/store/object.ts";

const shownMax = 200;
const show = (body: Uint8Array, part?: Part) => showText(hashObject("blob", body), body, part, shownMax);

const noteShape = /^\[\.\.\. (\d+) bytes, (\d+) lines left out here; read (\{.*\}) shows them \.\.\.\]$/m;

/** The part that the call in a cut's note names, as `read` takes it. */
function partNamed(body: Uint8Array, text: string): Part {
  const call = JSON.parse(noteShape.exec(text)?.[3] ?? "") as Record<string, number>;
  const { from, lines, offset, bytes } = call;
  if (from !== undefined && lines !== undefined) return partOfLines(body, from, lines);
  return { start: offset as number, end: (offset as number) + (bytes as number) };
}

/** All of a text, by following the notes of cuts. */
function whole(body: Uint8Array, part?: Part): string {
  const { text, leftOut } = show(body, part);
  if (leftOut === null) return text;
  const note = noteShape.exec(text);
  const [before, after] = text.split(`${note?.[0]}\n`) as [string, string];
  const left = partNamed(body, text);
  // The newline before a note is that of the line before it, or no part of the text.
  const start = body[left.start - 1] === 0x0a ? before : before.replace(/\n$/, "");
  return start + whole(body, left) + after;
}

describe("a text", () => {
  it("that is short is shown as it is", () => {
    const body = Buffer.from("one\ntwo");
    expect(show(body)).toEqual({
      blob: hashObject("blob", body),
      bytes: 7,
      encoding: "utf-8",
      text: "one\ntwo",
      leftOut: null,
    });
  });

  it("that is long is cut from the middle between lines, and says how much is left out and how to read it", () => {
    const body = Buffer.from(Array.from({ length: 100 }, (_, line) => `line ${line + 1}\n`).join(""));
    const { text, leftOut, blob } = show(body);
    expect(text.startsWith("line 1\nline 2\n")).toBe(true);
    expect(text.endsWith("\nline 99\nline 100\n")).toBe(true);
    expect(leftOut).toEqual({ bytes: 600, lines: 75 });
    expect(text).toContain(
      `[... 600 bytes, 75 lines left out here; read {"blob":"${blob}","from":14,"lines":75} shows them ...]\n`,
    );
    expect(show(body, partNamed(body, text)).text.startsWith("line 14\n")).toBe(true);
  });

  it("of one long line is cut between characters", () => {
    const body = Buffer.from("é".repeat(500));
    const { text, leftOut, blob, encoding } = show(body);
    expect(encoding).toBe("utf-8");
    expect(leftOut).toEqual({ bytes: 800, lines: 0 });
    expect(text).toBe(
      `${"é".repeat(50)}\n[... 800 bytes, 0 lines left out here; read {"blob":"${blob}","offset":100,"bytes":800} shows them ...]\n${"é".repeat(50)}`,
    );
  });

  it("that is cut is all there for whoever follows the notes", () => {
    const line = fc.oneof(
      fc.string({ maxLength: 30 }),
      fc.string({ unit: "binary", maxLength: 400 }),
      fc.constant("\u{1F333}".repeat(90)),
    );
    fc.assert(
      fc.property(fc.array(line, { maxLength: 60 }), fc.boolean(), (lines, isOpen) => {
        const text = lines.join("\n").replaceAll("\0", "") + (isOpen || lines.length === 0 ? "" : "\n");
        const body = Buffer.from(text.toWellFormed());
        expect(whole(body)).toBe(text.toWellFormed());
      }),
    );
  });

  it("with bytes that are no UTF-8 shows these as \\xNN, and one with NULs shows nothing", () => {
    expect(show(Buffer.from("caf\xe9\n", "latin1"))).toMatchObject({ encoding: "escaped", text: "caf\\xe9\n" });
    expect(show(Buffer.from("a\0b"))).toMatchObject({ encoding: "binary", text: "[binary: 3 bytes]", bytes: 3 });
  });

  it("has as many lines as it has, an open one counted", () => {
    expect(["", "a", "a\n", "a\nb", "\n\n"].map((text) => lineCount(Buffer.from(text)))).toEqual([0, 1, 1, 2, 2]);
  });
});

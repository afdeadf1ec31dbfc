/**
 * Text for a model's eyes: the bytes of a blob, or a part of them, cut from the middle when they are long. What is shown is a function of the bytes and the part alone.
 *
 * A cut stands between lines where lines are short enough, else between characters, and says how many bytes and lines are left out and which call of `read` shows them.
 */
import { isUtf8 } from "node:buffer";
import type { Oid } from "../engine.ts";
import { decodeName } from "../store/tree.ts";

/** Bytes of one text that an answer shows, the note of a cut not counted. */
export const shownBytesMax = 32_000;

export interface ShownText {
  /** The blob that has all of it. */
  readonly blob: Oid;
  /** Of the blob. */
  readonly bytes: number;
  /** `escaped`: bytes that are no UTF-8 stand as `\xNN`. `binary`: there are NULs, and nothing is shown. */
  readonly encoding: "utf-8" | "escaped" | "binary";
  readonly text: string;
  /** What a cut left out of the middle. */
  readonly leftOut: { readonly bytes: number; readonly lines: number } | null;
}

/** A part of a blob, in bytes: from `start` on, before `end`. */
export interface Part {
  readonly start: number;
  readonly end: number;
}

/** A part of a blob, by default all of it, as text. A character that stands across an end is shown by the part that it begins in, so parts side by side show everything. */
export function showText(
  blob: Oid,
  body: Uint8Array,
  part: Part = { start: 0, end: body.length },
  bytesMax: number = shownBytesMax,
): ShownText {
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.length);
  const [start, end] = [characterStart(bytes, part.start), characterStart(bytes, part.end)];
  const shown = bytes.subarray(start, end);
  const common = { blob, bytes: bytes.length };
  if (shown.includes(0))
    return { ...common, encoding: "binary", text: `[binary: ${shown.length} bytes]`, leftOut: null };
  const encoding = isUtf8(shown) ? "utf-8" : "escaped";
  if (shown.length <= bytesMax) return { ...common, encoding, text: decode(shown), leftOut: null };
  const cut = cutOf(bytes, { start, end }, bytesMax);
  const left = bytes.subarray(cut.start, cut.end);
  const lines = newlines(left);
  const isOfLines = isLineStart(bytes, cut.start) && isLineStart(bytes, cut.end);
  const call = isOfLines
    ? { blob, from: 1 + newlines(bytes.subarray(0, cut.start)), lines }
    : { blob, offset: cut.start, bytes: left.length };
  const text = [
    decode(bytes.subarray(start, cut.start)).replace(/\n$/, ""),
    `[... ${left.length} bytes, ${lines} lines left out here; read ${JSON.stringify(call)} shows them ...]`,
    decode(bytes.subarray(cut.end, end)),
  ].join("\n");
  return { ...common, encoding, text, leftOut: { bytes: left.length, lines } };
}

/** The part of so many lines, the first of which is line `from` (from 1); empty behind the end. */
export function partOfLines(body: Uint8Array, from: number, lines: number): Part {
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.length);
  const start = afterLines(bytes, 0, from - 1);
  return { start, end: afterLines(bytes, start, lines) };
}

/** How many lines there are; an open last one counts. */
export function lineCount(body: Uint8Array): number {
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.length);
  return newlines(bytes) + (bytes.length > 0 && bytes.at(-1) !== newline ? 1 : 0);
}

const newline = 0x0a;

function afterLines(bytes: Buffer, start: number, lines: number): number {
  let at = start;
  for (let passed = 0; passed < lines && at < bytes.length; passed++) {
    const end = bytes.indexOf(newline, at);
    at = end < 0 ? bytes.length : end + 1;
  }
  return at;
}

/** What is left out so that half of the limit stands before it and half behind. */
function cutOf(bytes: Buffer, { start, end }: Part, bytesMax: number): Part {
  const half = Math.floor(bytesMax / 2);
  const lineEnd = bytes.lastIndexOf(newline, start + half - 1) + 1;
  const nextEnd = bytes.indexOf(newline, end - half - 1);
  const cutStart = lineEnd > start ? lineEnd : characterStart(bytes, start + half);
  const cutEnd = nextEnd >= 0 && nextEnd + 1 < end ? nextEnd + 1 : characterStart(bytes, end - half);
  return { start: cutStart, end: cutEnd };
}

/** The next byte from `at` on that begins a character of UTF-8. */
function characterStart(bytes: Buffer, at: number): number {
  let place = at;
  while (place < at + 3 && ((bytes[place] ?? 0) & 0xc0) === 0x80) place++;
  return place;
}

function isLineStart(bytes: Buffer, at: number): boolean {
  return at === 0 || bytes[at - 1] === newline;
}

function newlines(bytes: Buffer): number {
  let count = 0;
  for (let at = bytes.indexOf(newline); at >= 0; at = bytes.indexOf(newline, at + 1)) count++;
  return count;
}

/** Text, where bytes that are no UTF-8 stand as `\xNN`. */
function decode(bytes: Buffer): string {
  if (isUtf8(bytes)) return bytes.toString("utf8");
  return decodeName(bytes).replaceAll(
    /\p{Surrogate}/gu,
    (unit) => `\\x${(unit.charCodeAt(0) - 0xdc00).toString(16).padStart(2, "0")}`,
  );
}

/** What just-bash's jq does otherwise than the native one, done as that does. The build puts calls of these functions into its text (workers/bundle-shell.ts). */

import { bytesOf, textOf } from "./bytes.ts";

/** What jq's `@sh` makes of what is no text: an array's items, each a word. */
export function coppiceQuoted(value: unknown): string {
  return (Array.isArray(value) ? (value as unknown[]) : [value])
    .map((each) => {
      if (typeof each === "object" && each !== null) throw new Error("an object or array can't be a word of a shell");
      return typeof each === "string" ? `'${each.replaceAll("'", String.raw`'\\''`)}'` : String(each);
    })
    .join(" ");
}

/** Text of bytes that are UTF-8, a character each; what is none becomes U+FFFD, as in jq. */
export function coppiceDecoded(bytes: string): string {
  return /[\x80-\xff]/.test(bytes) ? new realm.TextDecoder().decode(bytesOf(bytes)) : bytes;
}

/** The bytes of a text as UTF-8, a character each. */
export function coppiceEncoded(text: string): string {
  return /[^\0-\x7f]/.test(text) ? textOf(new realm.TextEncoder().encode(text)) : text;
}

/** The same of the environment's names and values. */
export function coppiceDecodedEnv(env: ReadonlyMap<string, string>): Map<string, string> {
  return new Map(Array.from(env, ([name, value]) => [coppiceDecoded(name), coppiceDecoded(value)]));
}

/** What four hexadecimal digits behind a `\\u` stand for. */
export function coppiceUnit(digits: string): string {
  if (!/^[\dA-Fa-f]{4}$/.test(digits)) throw new Error(String.raw`\u wants four hexadecimal digits`);
  return String.fromCharCode(Number.parseInt(digits, 16));
}

/** The order of texts by their code points, which is that of their UTF-8. */
export function coppiceOrder(one: string, other: string): number {
  const [a, b] = [coppiceEncoded(one), coppiceEncoded(other)];
  return a < b ? -1 : a > b ? 1 : 0;
}

const digits64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/** RFC 4648, of the text's UTF-8. */
export function coppiceBase64(text: string): string {
  const bytes = bytesOf(coppiceEncoded(text));
  let coded = "";
  for (let at = 0; at < bytes.length; at += 3) {
    const [first = 0, second = 0, third = 0] = bytes.subarray(at, at + 3);
    const bits = (first << 16) | (second << 8) | third;
    const four = [18, 12, 6, 0].map((shift) => digits64[(bits >> shift) & 63] as string).join("");
    coded += four.slice(0, Math.min(bytes.length - at, 3) + 1).padEnd(4, "=");
  }
  return coded;
}

/** What it is the code of, as UTF-8. Throws what jq says of what is no code. */
export function coppiceUnbase64(coded: string): string {
  const digits = coded.replace(/=+$/, "");
  if (/[^A-Za-z\d+/]/.test(digits) || digits.length % 4 === 1)
    throw new Error(`string (${JSON.stringify(coded)}) is not valid base64 data`);
  let bytes = "";
  let bits = 0;
  for (let at = 0; at < digits.length; at++) {
    bits = ((bits << 6) | digits64.indexOf(digits[at] as string)) & 0xff_ff;
    const left = (at * 6 + 6) % 8;
    if (left !== 6) bytes += String.fromCharCode((bits >> left) & 255);
  }
  return coppiceDecoded(bytes);
}

/** A compiled regular expression of just-bash's. */
interface Compiled {
  readonly _re2: {
    matcher(text: string): {
      find(from: number): boolean;
      group(at: number): string | null;
      start(at: number): number;
      end(at: number): number;
    };
    groupCount(): number;
    namedGroups(): Readonly<Record<string, number>>;
  };
}

const points = (text: string): number => Array.from(text).length;

/** What jq's `match` gives: the first match, or all; places and lengths in code points. */
export function coppiceMatches({ _re2: compiled }: Compiled, text: string, isAll: boolean): object[] {
  const matcher = compiled.matcher(text);
  const names = new Map(Object.entries(compiled.namedGroups()).map(([name, at]) => [at, name]));
  const found: object[] = [];
  for (let from = 0; from <= text.length && matcher.find(from);) {
    const part = (at: number) => {
      const string = matcher.group(at);
      if (string === null) return { offset: -1, string, length: 0 };
      return { offset: points(text.slice(0, matcher.start(at))), length: points(string), string };
    };
    const captures = Array.from({ length: compiled.groupCount() }, (_, at) => ({
      ...part(at + 1),
      name: names.get(at + 1) ?? null,
    }));
    found.push({ ...part(0), captures });
    if (!isAll) break;
    const isEmpty = matcher.end(0) === matcher.start(0);
    from = matcher.end(0) + (isEmpty ? ((text.codePointAt(matcher.end(0)) ?? 0) > 0xff_ff ? 2 : 1) : 0);
    if (isEmpty && from >= text.length) break;
  }
  return found;
}

const escaped = (unit: string): string => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`;

/** What prints a value, which with `isAscii` escapes all that is not ASCII. */
export function coppicePrintedJson<Args extends readonly unknown[]>(
  isAscii: boolean,
  print: (...args: Args) => string,
): (...args: Args) => string {
  return isAscii ? (...args) => print(...args).replaceAll(/[^\0-\x7f]/g, escaped) : print;
}

/** Those of the realm: by their bare names the build puts others that speak bytes (stand-ins.ts). */
const realm = globalThis as unknown as {
  readonly TextDecoder: new () => { decode(bytes: Uint8Array): string };
  readonly TextEncoder: new () => { encode(text: string): Uint8Array };
};

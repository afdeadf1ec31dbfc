/**
 * Bytes as text, one character a byte: what the shell computes with, so that nothing is ever recoded and what is no UTF-8 passes through as it is. A shell in the C locale does the same.
 */

/** Bytes that become characters at once: more arguments could overflow a stack. */
const chunkBytesMax = 1024;

/** One character a byte. */
export function textOf(bytes: Uint8Array): string {
  let text = "";
  for (let at = 0; at < bytes.length; at += chunkBytesMax) {
    // Ten times as fast as with the array spread.
    text += String.fromCharCode.apply(undefined, bytes.subarray(at, at + chunkBytesMax) as unknown as number[]);
  }
  return text;
}

/** The bytes of such a text. A character that is no byte (`$'\u20ac'` makes one) is spelled as UTF-8. */
export function bytesOf(text: string): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(text.length);
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code > 255) return bytesOf(text.replace(/[^\0-\xff]+/g, spelled));
    bytes[at] = code;
  }
  return bytes;
}

function spelled(text: string): string {
  return unescape(encodeURIComponent(text.toWellFormed()));
}

/** A name of the SDK's, which is UTF-8 decoded, as the bytes that it has in its tree. */
export function nameBytes(name: string): string {
  return /^[\0-\x7f]*$/.test(name) ? name : spelled(name);
}

/** The name of these bytes as the SDK takes it; undefined when they are no UTF-8. */
export function nameOf(bytes: string): string | undefined {
  if (/^[\0-\x7f]*$/.test(bytes)) return bytes;
  try {
    return decodeURIComponent(escape(bytes));
  } catch {
    return undefined;
  }
}

/** The strings of a list in which each ends with NUL. Throws when the last one does not. */
export function stringsOf(bytes: Uint8Array, what: string): string[] {
  const text = textOf(bytes);
  if (text !== "" && !text.endsWith("\0")) throw new Error(`${what} is no list of strings that end with NUL`);
  return text.split("\0").slice(0, -1);
}

/** A list of strings, each with a NUL at its end. */
export function listOf(strings: readonly string[]): Uint8Array<ArrayBuffer> {
  return bytesOf(strings.map((each) => `${each}\0`).join(""));
}

/** Control characters, by the letters that stand for them behind a backslash in C. */
export const controlCharacters: Readonly<Record<string, string>> = {
  a: "\x07",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
  v: "\v",
};
const escapes: Readonly<Record<string, string>> = {
  ...Object.fromEntries(Object.entries(controlCharacters).map(([letter, char]) => [char, letter])),
  '"': '"',
  "\\": "\\",
};

/** A byte's character as it is written in a literal of C: a backslash, and a letter or three octal digits. */
export function escapedInC(char: string): string {
  return `\\${escapes[char] ?? char.charCodeAt(0).toString(8).padStart(3, "0")}`;
}

/** The bits of a mode that are rights, as a listing shows them. */
export function permissionLetters(mode: number): string {
  return Array.from("rwxrwxrwx", (letter, at) => (((mode >> (8 - at)) & 1) === 1 ? letter : "-")).join("");
}

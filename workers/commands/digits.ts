/** Bytes, one character each, as people read them. */

const digits = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));

/** Two lower-case digits a byte. */
export function hexOf(bytes: string): string {
  let out = "";
  for (let at = 0; at < bytes.length; at++) out += digits[bytes.charCodeAt(at)] as string;
  return out;
}

/** What is no letter, digit, mark or space of ASCII is a dot. */
export function printable(bytes: string): string {
  return bytes.replaceAll(/[^ -~]/g, ".");
}

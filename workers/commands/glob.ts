/** Patterns of names, as fnmatch has them: `*` and `?` stand for slashes and leading dots, too. A bracket that is none matches itself. */
import { regexOf, RegexFault, type Regex } from "./regex.ts";

/** What a pattern means, in linear time. With `inFolder` also a name in a folder of that name; with `anyPart` any part of a path that follows a slash. */
export function globRegex(glob: string, { inFolder = false, anyPart = false, ignoresCase = false } = {}): Regex {
  let out = anyPart ? "(.*/)?" : "";
  for (let at = 0; at < glob.length; at++) {
    const char = glob[at] as string;
    if (char === "*") {
      if (glob[at - 1] !== "*") out += ".*";
    } else if (char === "?") out += ".";
    else if (char === "[") {
      const [bracket] = /^\[[!^]?\]?(?:\[:\w+:\]|[^\]])*\]/.exec(glob.slice(at)) ?? [];
      if (bracket === undefined) out += "\\[";
      else {
        const set = bracket.replace(/^\[!/, "[^");
        out += isRegex(set) ? set : literal(bracket);
        at += bracket.length - 1;
      }
    } else out += literal(char === "\\" ? (glob[++at] ?? "\\") : char);
  }
  return regexOf(inFolder ? `(${out})(/.*)?` : out, { isExtended: true, within: "text", ignoresCase });
}

function literal(text: string): string {
  return text.replaceAll(/[\\^$.*+?()[\]{}|]/g, "\\$&");
}

function isRegex(text: string): boolean {
  try {
    regexOf(text, { isExtended: true });
    return true;
  } catch (error) {
    if (error instanceof RegexFault) return false;
    throw error;
  }
}

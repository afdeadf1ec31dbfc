/** What starts a file, as its first bytes say it: read alike by whoever looks for a command in a tree and by the shell (workers/shell), as Linux and bash read them. */

/** The interpreter that a first line names, as it is written there, and the rest of that line, which is one argument. */
export interface Interpreter {
  readonly interpreter: string;
  readonly argument: string | undefined;
}

/** A WebAssembly module; a machine's program; what is no text, and nothing that is known; a script that names its interpreter; a script that names none, which is a shell's. */
export type FileStart = "module" | "program" | "binary" | "script" | Interpreter;

/** Bytes of a file that say what starts it, as many as Linux reads. */
export const headBytes = 256;
/** Bytes in which bash looks for a NUL, up to the first line's end. */
const textBytes = 80;

/** `content` is the file's, a character a byte; more than its beginning is not looked at. */
export function fileStart(content: string): FileStart {
  const head = content.slice(0, headBytes);
  if (head.startsWith("\0asm")) return "module";
  const [, interpreter, argument = ""] = /^#![ \t]*([^ \t\n\0]+)[ \t]*([^\n\0]*)/.exec(head) ?? [];
  if (interpreter !== undefined) {
    const trimmed = argument.replace(/[ \t]+$/, "");
    return { interpreter, argument: trimmed === "" ? undefined : trimmed };
  }
  if (/^(?:\x7fELF|MZ|[\xcf\xce]\xfa\xed\xfe|\xca\xfe\xba\xbe)/.test(head)) return "program";
  const [line = ""] = head.slice(0, textBytes).split("\n");
  return line.includes("\0") ? "binary" : "script";
}

/** A program's name, by which it is known, from the place where systems have it; any other path as it is. */
export function programOf(path: string): string {
  return /^(?:\/usr)?\/bin\/([^/]+)$/.exec(path)?.[1] ?? path;
}

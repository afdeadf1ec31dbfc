/** `umask`: the mask is kept and told as bash does, and inherited by shells that are started. Of what it takes a tree would know the owner's exec bit alone, and no tool learns of it. */
import type { Ended } from "./call.ts";

interface State {
  coppiceMask?: number | undefined;
}

const usual = 0o022;
const ownersExec = 0o100;
const permissions = ["r", "w", "x"] as const;
const usage = "umask: usage: umask [-p] [-S] [mode]\n";

/** `umask [-p] [-S] [MODE]`. */
export function coppiceUmask(state: State, args: readonly string[]): Ended {
  const words = [...args];
  let letters = "";
  while (/^-./.test(words[0] ?? "")) {
    const option = words.shift() as string;
    if (option === "--") break;
    const [wrong] = /[^pS]/.exec(option.slice(1)) ?? [];
    if (wrong !== undefined)
      return { stdout: "", stderr: `bash: umask: -${wrong}: invalid option\n${usage}`, exitCode: 2 };
    letters += option.slice(1);
  }
  const [mode] = words;
  if (mode === undefined) {
    const option = letters.includes("S") ? " -S" : "";
    return ended(`${letters.includes("p") ? `umask${option} ` : ""}${shown(state, letters)}\n`);
  }
  const mask = /^\d/.test(mode) ? octal(mode) : symbolic(mode, 0o777 & ~(state.coppiceMask ?? usual));
  if (typeof mask === "string") return { stdout: "", stderr: `bash: umask: ${mask}\n`, exitCode: 1 };
  state.coppiceMask = mask;
  const stderr =
    (mask & ownersExec) === 0
      ? ""
      : `bash: umask: ${shown(state, "")}: what commands make executable stays so, since they don't learn of the mask\n`;
  return { ...ended(letters.includes("S") ? `${shown(state, letters)}\n` : ""), stderr };
}

function ended(stdout: string): Ended {
  return { stdout, stderr: "", exitCode: 0 };
}

function shown({ coppiceMask: mask = usual }: State, letters: string): string {
  if (!letters.includes("S")) return mask.toString(8).padStart(4, "0");
  const given = (shift: number) => permissions.filter((_, at) => ((mask >> shift) & (4 >> at)) === 0).join("");
  return `u=${given(6)},g=${given(3)},o=${given(0)}`;
}

function octal(mode: string): number | string {
  const mask = /^[0-7]+$/.test(mode) ? Number.parseInt(mode, 8) : Infinity;
  return mask > 0o7777 ? `${mode}: octal number out of range` : mask & 0o777;
}

function bitsOf(letters: string, bits: Readonly<Record<string, number>>): number {
  return letters.split("").reduce((all, letter) => all | (bits[letter] as number), 0);
}

/** The mask that leaves what a symbolic mode makes of what is allowed, or what is wrong with it. */
function symbolic(mode: string, before: number): number | string {
  const who: Readonly<Record<string, number>> = { u: 0o700, g: 0o070, o: 0o007, a: 0o777 };
  const what: Readonly<Record<string, number>> = { r: 0o444, w: 0o222, x: 0o111 };
  let allowed = before;
  for (const clause of mode.split(",")) {
    const [, people = "", operator, letters = "", rest = ""] = /^([ugoa]*)([-+=])?([rwx]*)(.*)$/s.exec(clause) ?? [];
    if (operator === undefined) return `\`${clause.charAt(people.length) || "\0"}': invalid symbolic mode operator`;
    if (rest !== "") return `\`${rest.charAt(0)}': invalid symbolic mode character`;
    const bits = bitsOf(people === "" ? "a" : people, who);
    const given = bits & bitsOf(letters, what);
    if (operator === "+") allowed |= given;
    else if (operator === "-") allowed &= ~given;
    else allowed = (allowed & ~bits) | given;
  }
  return 0o777 & ~allowed;
}

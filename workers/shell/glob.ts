/** A pattern of names, as fnmatch has it: what stands for anything stands for slashes and leading dots, too. */
export function globRegex(glob: string): RegExp {
  let out = "";
  for (let at = 0; at < glob.length; at++) {
    const char = glob[at] as string;
    if (char === "*") out += "[^]*";
    else if (char === "?") out += "[^]";
    else if (char === "[") {
      const [bracket] = /^\[[!^]?\]?(?:\[:\w+:\]|[^\]])*\]/.exec(glob.slice(at)) ?? [];
      if (bracket === undefined) out += "\\[";
      else {
        const inner = bracket.slice(1, -1).replace(/^!/, "^");
        out += `[${inner.replaceAll(/[\\[\]]/g, "\\$&")}]`;
        at += bracket.length - 1;
      }
    } else out += (char === "\\" ? (glob[++at] ?? "\\") : char).replace(/[\\^$.*+?()[\]{}|/]/, "\\$&");
  }
  return new RegExp(`^${out}$`);
}

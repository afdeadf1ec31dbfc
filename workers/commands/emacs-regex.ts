/** Regular expressions as Emacs has them, which find and tac read: `+` and `?` count without a backslash and are characters with one, braces never count. */

/** Such an expression as a basic one, to be read with `brackets` of Emacs' kind. Whether a dot is a line's end, too, is find's matter: to tac and to find's `emacs` it is none, to find's own type it is. */
export function fromEmacs(pattern: string, dotsAreLineEnds: boolean): string {
  return pattern.replaceAll(/\[\^?\]?(?:\[([.=])[^]*?\1\]|[^\]])*\]|\\[^]|[+?.]/g, (part: string) => {
    if (part === ".") return dotsAreLineEnds ? part : "[^\n]";
    if (part === "+" || part === "?") return `\\${part}`;
    return /^\\[+?{}]$/.test(part) ? `[${part[1] as string}]` : part;
  });
}

/** The commands that the script of `just-bash.ts` is, in just-bash's own writing. */
export const justBashCommands = ["jq", "rg"] as const;
/** The commands that the script of `workers/commands` is, written here. */
export const ownCommandNames = [
  "awk",
  "diff",
  "du",
  "egrep",
  "expr",
  "fgrep",
  "find",
  "grep",
  "hd",
  "hexdump",
  "link",
  "ln",
  "patch",
  "sed",
  "sort",
  "tac",
  "tar",
  "xxd",
] as const;

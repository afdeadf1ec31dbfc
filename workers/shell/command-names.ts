/** The commands that the script of `just-bash.ts` is, in just-bash's own writing. */
export const justBashCommands = ["jq", "rg", "sed"] as const;
/** The commands that the script of `workers/commands` is, written here. */
export const ownCommandNames = [
  "awk",
  "diff",
  "egrep",
  "fgrep",
  "find",
  "grep",
  "hd",
  "hexdump",
  "link",
  "ln",
  "sort",
  "tac",
  "tar",
  "xxd",
] as const;

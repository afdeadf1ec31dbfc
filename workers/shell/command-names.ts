/** The commands that the script of `just-bash.ts` is, in just-bash's own writing. */
export const justBashCommands = ["find", "jq", "rg", "sed"] as const;
/** The commands that the script of `workers/commands` is, written here. */
export const ownCommandNames = [
  "awk",
  "diff",
  "egrep",
  "fgrep",
  "grep",
  "hd",
  "hexdump",
  "link",
  "ln",
  "patch",
  "sort",
  "tac",
  "tar",
  "xxd",
] as const;

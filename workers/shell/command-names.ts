/** The commands that the script of `command.ts` is, in just-bash's own writing. */
export const commandsOfScript = ["egrep", "fgrep", "find", "grep", "jq", "rg", "sed"] as const;
/** The commands that the script of `native.ts` is, written here. */
export const nativeCommands = ["awk", "diff", "link", "ln", "sort", "tar"] as const;

/** The commands that the script of `command.ts` is, in just-bash's own writing. */
export const commandsOfScript = ["find", "jq", "rg", "sed"] as const;
/** The commands that the script of `native.ts` is, written here. */
export const nativeCommands = ["awk", "diff", "egrep", "fgrep", "grep", "link", "ln", "sort", "tar"] as const;

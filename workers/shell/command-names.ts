/** The commands that the script of `command.ts` is, in just-bash's own writing. */
export const commandsOfScript = ["awk", "egrep", "fgrep", "find", "grep", "jq", "rg", "sed"] as const;

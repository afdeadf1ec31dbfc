/** What just-bash's jq does otherwise than the native one, done as that does. The build puts calls of these functions into its text (workers/bundle-shell.ts). */

/** What jq's `@sh` makes of what is no text: an array's items, each a word. */
export function coppiceQuoted(value: unknown): string {
  return (Array.isArray(value) ? (value as unknown[]) : [value])
    .map((each) => {
      if (typeof each === "object" && each !== null) throw new Error("an object or array can't be a word of a shell");
      return typeof each === "string" ? `'${each.replaceAll("'", String.raw`'\\''`)}'` : String(each);
    })
    .join(" ");
}

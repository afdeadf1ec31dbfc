/**
 * Files that git neither tracks nor ignores. What is ignored is git's to say, so git is asked.
 */
import { decodeName } from "../tree.ts";
import type { Host } from "./conversion.ts";
import { askGit } from "./git-process.ts";
import type { Repository } from "./repository.ts";

/**
 * Untracked paths at or below `path` (inside of the work tree, empty for its root), folders with a slash at the end and not
 * what is in them. Undefined when there is no git to ask or no work tree. Rejects with GitFailed.
 */
export async function untrackedPaths(repository: Repository, path: string, host: Host): Promise<string[] | undefined> {
  if (repository.workTree === undefined) return undefined;
  const printed = await askGit({
    args: ["--literal-pathspecs", "ls-files", "-z", "--others", "--exclude-standard", "--directory", "--", path || "."],
    folder: repository.workTree,
    environment: host.variables,
    extra: {},
  });
  if (printed === undefined) return undefined;
  const paths: string[] = [];
  for (let at = 0; at < printed.length;) {
    const nul = printed.indexOf(0, at);
    const end = nul < 0 ? printed.length : nul;
    paths.push(decodeName(printed.subarray(at, end)));
    at = end + 1;
  }
  return paths;
}

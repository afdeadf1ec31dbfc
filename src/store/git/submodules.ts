/** The submodules of a revision, told without reading all of its trees: git itself takes no gitlink for a submodule that `.gitmodules` does not name. */
import { decodeTree, kindOfMode } from "../tree.ts";
import { MalformedConfig, parseConfig } from "./config.ts";
import type { Repository } from "./repository.ts";
import { resolveTree, type Named } from "./revision.ts";

/** Paths of the submodules in what `spec` (`REV` or `REV:PATH`) names, from the revision's root. */
export function submodulesOf(repository: Repository, spec: string): string[] {
  const [rev = "", path = ""] = spec.split(/:(.*)/s);
  const root = resolveTree(repository, rev);
  const named = entryAt(repository, root, ".gitmodules");
  const file = named?.mode.startsWith("100") === true ? repository.objects.read(named.oid) : undefined;
  if (file === undefined) return [];
  const inside = path.replace(/\/$/, "");
  const prefix = inside === "" ? "" : `${inside}/`;
  return pathsOf(Buffer.from(file.body).toString("utf8")).filter(
    (each) => each.startsWith(prefix) && entryAt(repository, root, each)?.mode === "160000",
  );
}

/** The paths that a `.gitmodules` names. Where git could not read it there are no submodules to git. */
function pathsOf(text: string): string[] {
  try {
    const entries = parseConfig(text, ".gitmodules");
    const paths = entries.flatMap(({ key, value }) => (/^submodule\..*\.path$/s.test(key) ? [value ?? ""] : []));
    return [...new Set(paths)];
  } catch (error) {
    if (error instanceof MalformedConfig) return [];
    throw error;
  }
}

/** Undefined where nothing is, or the repository lacks a tree on the way (a partial clone). */
function entryAt(repository: Repository, root: Named, path: string): Named | undefined {
  let at = root;
  for (const part of path.split("/")) {
    const { body } = (kindOfMode(at.mode) === "tree" ? repository.objects.read(at.oid) : undefined) ?? {};
    const entry = body === undefined ? undefined : decodeTree(body).find(({ name }) => name === part);
    if (entry === undefined) return undefined;
    at = entry;
  }
  return at;
}

/**
 * Walking paths as Linux does (namei.c): symlinks in the midst are followed, at the end if the caller wants, and at most 40 in all; `..` of the root is the root, so no path leaves the tree; a
 * slash at the end wants a folder. Depth costs no stack.
 */
import { errno, fault, Fault } from "./errno.ts";
import type { LazyTree } from "./lazy-tree.ts";
import type { Device, Folder, Link, Node } from "./nodes.ts";

/** A path is shorter than this, its NUL included, as on Linux. */
const pathBytesMax = 4096;
/** Symlinks that are followed on one way. */
const followedLinksMax = 40;

/** The last step of a path, all before it walked. */
export interface Last {
  /** Where the step starts; for what is no name, where it ends. */
  readonly folder: Folder;
  /** The name, or what else ends a path: `.`, `..`, or nothing, when it is of slashes alone. */
  readonly step: "name" | "." | ".." | "/";
  readonly name: string;
  /** A slash follows it. */
  readonly isSlashed: boolean;
}

/** A way through the tree: a path and the links that it leads over. */
export class Walk {
  readonly #tree: LazyTree;
  #followed = 0;

  constructor(tree: LazyTree) {
    this.#tree = tree;
  }

  /** Goes up to a path's last step. */
  toLast(base: Folder, path: string): Last | Fault {
    const bad = pathFault(path);
    if (bad !== undefined) return bad;
    const lastName = path.lastIndexOf("/") + 1;
    const known = lastName > 0 && lastName < path.length ? this.#tree.knownFolder(base, path, lastName) : undefined;
    if (known !== undefined) return lastStep(known, path.slice(lastName), false);
    /** What is left of texts when the links in them have been walked, outermost first. */
    const open: { readonly text: string; readonly at: number }[] = [];
    let text = path;
    let at = 0;
    let isStraight = true;
    let folder = text.startsWith("/") ? this.#tree.root : base;
    for (;;) {
      at = behindSlashes(text, at);
      if (at === text.length) {
        const outer = open.pop();
        if (outer === undefined) return { folder, step: "/", name: "", isSlashed: true };
        ({ text, at } = outer);
        continue;
      }
      const slash = text.indexOf("/", at);
      const end = slash < 0 ? text.length : slash;
      const name = text.slice(at, end);
      at = behindSlashes(text, end);
      if (at === text.length && open.length === 0) {
        if (isStraight && lastName > 0 && end === path.length) {
          this.#tree.keepWay(base, path.slice(0, lastName), folder);
        }
        return lastStep(folder, name, at > end);
      }
      if (name === ".") continue;
      if (name === "..") {
        folder = folder.parent;
        continue;
      }
      const node = this.#tree.lookUp(folder, name) ?? fault(errno.noent);
      if (node instanceof Fault) return node;
      if (node.kind === "file" || node.kind === "device") return fault(errno.notdir);
      if (node.kind === "folder") {
        folder = node;
        continue;
      }
      const target = this.follow(node);
      if (target instanceof Fault) return target;
      if (at < text.length) open.push({ text, at });
      text = target;
      at = 0;
      isStraight = false;
      if (text.startsWith("/")) folder = this.#tree.root;
    }
  }

  /** The text of a link that is to be walked on. */
  follow(link: Link): string | Fault {
    if (++this.#followed > followedLinksMax) return fault(errno.loop);
    const text = this.#tree.textOf(link);
    return text instanceof Fault ? text : (pathFault(text) ?? text);
  }

  /** The node that a path names. `follow`: also a link at its end, as a slash behind it says, too. */
  find(base: Folder, path: string, follow: boolean): Node | Device | Fault {
    let from = base;
    let text = path;
    let mustBeFolder = false;
    for (;;) {
      const last = this.toLast(from, text);
      if (last instanceof Fault) return last;
      if (last.step !== "name") return last.folder;
      const node = this.#tree.lookUp(last.folder, last.name) ?? fault(errno.noent);
      if (node instanceof Fault) return node;
      mustBeFolder ||= last.isSlashed;
      if (node.kind !== "link" || !(follow || mustBeFolder)) {
        return mustBeFolder && node.kind !== "folder" ? fault(errno.notdir) : node;
      }
      const target = this.follow(node);
      if (target instanceof Fault) return target;
      from = last.folder;
      text = target;
    }
  }
}

/** What is wrong with a path whatever it names. */
export function pathFault(path: string): Fault | undefined {
  if (path === "") return fault(errno.noent);
  if (path.length >= pathBytesMax) return fault(errno.nametoolong);
  return path.includes("\0") ? fault(errno.inval) : undefined;
}

function behindSlashes(text: string, from: number): number {
  let at = from;
  while (text.charCodeAt(at) === 0x2f) at++;
  return at;
}

function lastStep(folder: Folder, name: string, isSlashed: boolean): Last {
  if (name === ".") return { folder, step: name, name, isSlashed };
  if (name === "..") return { folder: folder.parent, step: name, name, isSlashed };
  return { folder, step: "name", name, isSlashed };
}

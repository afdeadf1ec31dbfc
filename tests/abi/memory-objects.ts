/** Objects in a plain map: what the contract needs of a store, with a note of what was read. */
import type { Objects } from "../../src/abi/objects.ts";
import { hashObject, type GitObject, type ObjectKind } from "../../src/store/object.ts";
import type { Oid } from "../../src/store/oid.ts";
import { requestWith } from "../../src/store/request-tree.ts";
import { MissingObject } from "../../src/store/store.ts";
import { encodeTree, type Mode, type TreeEntry } from "../../src/store/tree.ts";

export class MemoryObjects implements Objects {
  readonly #objects = new Map<Oid, GitObject>();
  /** Every oid that was read, in order. */
  readonly read: Oid[] = [];

  get(name: Oid): GitObject {
    this.read.push(name);
    const object = this.#objects.get(name);
    if (object === undefined) throw new MissingObject(name);
    return object;
  }

  kindOf(name: Oid): ObjectKind | undefined {
    return this.#objects.get(name)?.kind;
  }

  put(kind: ObjectKind, body: Uint8Array): Oid {
    const name = hashObject(kind, body);
    this.#objects.set(name, { kind, body });
    return name;
  }

  putRequest(args: Oid, surroundings: Uint8Array): Oid {
    return this.put("tree", requestWith(args, surroundings));
  }

  blob(text: string): Oid {
    return this.put("blob", Buffer.from(text, "utf8"));
  }

  tree(...entries: readonly [name: string, oid: Oid, mode?: Mode][]): Oid {
    return this.put("tree", encodeTree(entries.map((entry) => treeEntry(...entry))));
  }

  /** A tree from paths to texts: `a/b` stands in folder `a`. */
  files(entries: readonly (readonly [path: string, mode: Mode, text: string])[]): Oid {
    const here: TreeEntry[] = [];
    const below = new Map<string, [string, Mode, string][]>();
    for (const [path, mode, text] of entries) {
      const slash = path.indexOf("/");
      if (slash < 0) here.push({ name: path, mode, oid: this.blob(text) });
      else {
        const folder = path.slice(0, slash);
        below.set(folder, [...(below.get(folder) ?? []), [path.slice(slash + 1), mode, text]]);
      }
    }
    for (const [name, inner] of below) here.push({ name, mode: "40000", oid: this.files(inner) });
    return this.put("tree", encodeTree(here));
  }
}

function treeEntry(name: string, oid: Oid, mode: Mode = "100644"): TreeEntry {
  return { name, mode, oid };
}

/**
 * What is there without standing in the tree: `/dev` with its devices, and `/tmp`. Programs name them by themselves, so they are found, but no listing has them and no tree holds them.
 *
 * - What the tree has of such a name is what the name stands for; of its own folder `dev` the devices are found, too, under names that it has not.
 * - `/dev` and `/tmp` are empty folders when a command starts. Something can be put into them, and what is left there at the end stands in the tree; while they are empty they make way for whatever is made in their place.
 * - They can't be removed or renamed, as what is mounted can't.
 */
import type { Device, Folder } from "./nodes.ts";
import { named } from "./working-folder.ts";

const folderNames = ["dev", "tmp"] as const;
/** Their names in the root. */
export type UnlistedName = (typeof folderNames)[number];

/** Devices, by their name in /dev. What names a stream is the descriptor of that number. */
const devices: ReadonlyMap<string, Device["device"]> = new Map<string, Device["device"]>([
  ["null", "null"],
  ["zero", "zero"],
  ["random", "random"],
  ["urandom", "random"],
  ["tty", "tty"],
  ["stdin", 0],
  ["stdout", 1],
  ["stderr", 2],
]);
const descriptorName = /^(?:0|[1-9]\d{0,3})$/;

/** What makes nodes, and the root that they are in. */
interface NodeSource {
  readonly root: Folder;
  emptyFolder(parent: Folder, name: string): Folder;
  device(device: Device["device"]): Device;
}

export class Unlisted {
  readonly #source: NodeSource;
  readonly #shown: ReadonlySet<string>;
  readonly #folders = new Map<string, Folder>();
  readonly #devices = new Map<Device["device"], Device>();

  constructor(source: NodeSource, shown: readonly UnlistedName[]) {
    this.#source = source;
    this.#shown = new Set(shown);
  }

  /** What is found under a name that a folder has not. */
  lookUp(folder: Folder, name: string): Folder | Device | undefined {
    if (this.#shown.size === 0) return undefined;
    const { root } = this.#source;
    if (folder === root) return this.#shown.has(name) ? this.#folder(folder, name) : undefined;
    if (!this.#shown.has("dev")) return undefined;
    if (folder.parent === root && folder.name === "dev") {
      if (name === "fd") return this.#folder(folder, name);
      const device = devices.get(name);
      return device === undefined ? undefined : this.#device(device);
    }
    return folder === this.#folders.get("fd") && descriptorName.test(name) ? this.#device(Number(name)) : undefined;
  }

  has(node: { readonly kind: string }): boolean {
    return node.kind === "device" || [...this.#folders.values()].some((each) => each === node);
  }

  /** Puts what is not empty into the tree, where nothing else has taken its place. */
  settle(): void {
    for (const name of ["fd", ...folderNames]) {
      const folder = this.#folders.get(name);
      if (folder === undefined || (folder.entries?.size ?? 0) === 0) continue;
      const { parent } = folder;
      if (parent.isRemoved || parent.entries === undefined || parent.entries.has(name)) continue;
      parent.entries.set(name, folder);
      parent.isChanged = true;
    }
  }

  #folder(parent: Folder, name: string): Folder {
    const known = this.#folders.get(name);
    if (known?.parent === parent) return known;
    const folder = this.#source.emptyFolder(parent, name);
    this.#folders.set(name, folder);
    return folder;
  }

  #device(device: Device["device"]): Device {
    const known = this.#devices.get(device) ?? this.#source.device(device);
    this.#devices.set(device, known);
    return known;
  }
}

/**
 * Which of them a command sees that is started so. `mv a tmp` in the root means the `tmp` of the tree, which is not there: so a name that an argument has from the folder in which the command runs is the tree's alone, unless another
 * argument has it from the root (`grep dev a.txt /dev/null`). Arguments as `fromRoot` has them; `cwd` is an absolute path.
 */
export function unlistedFor(argv: Uint8Array, cwd: string): readonly UnlistedName[] {
  const tops = named(argv).map(({ path, isAbsolute }) => ({
    isAbsolute,
    top: topOf(isAbsolute ? path : `${cwd}/${path}`),
  }));
  return folderNames.filter((name) => {
    const naming = tops.filter(({ top }) => top === name);
    return naming.length === 0 || topOf(cwd) === name || naming.some(({ isAbsolute }) => isAbsolute);
  });
}

/** The first step of a path from the root, `..` gone. */
function topOf(path: string): string | undefined {
  const steps: string[] = [];
  for (const step of path.split("/")) {
    if (step === "..") steps.pop();
    else if (step !== "" && step !== ".") steps.push(step);
  }
  return steps[0];
}

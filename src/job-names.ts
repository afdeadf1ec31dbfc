/**
 * What jobs are called before people: their worker by name, their place in what is folded as a path. Reads requests as they are asked for, each once. What
 * is gone by now has no name, or no place.
 */
import { decodeStrings, typedText } from "./abi/command.ts";
import type { ObjectReader } from "./abi/objects.ts";
import { MalformedRequest, readRequest, type Request } from "./abi/request.ts";
import { resolveImage, workerName } from "./abi/worker.ts";
import { entriesOf, entryNames } from "./folded-path.ts";
import type { Oid } from "./store/oid.ts";
import { MissingObject, type Store } from "./store/store.ts";
import type { TreeEntry } from "./store/tree.ts";

/** What a request's job is about. */
export interface Subject {
  readonly request: Request;
  readonly args: readonly TreeEntry[];
  readonly in: Oid | undefined;
}

/** Names the source map of a script's module, which is for people and no part of the worker. */
export function mapRef(module: Oid): string {
  return `script-map/${module}`;
}

/** Before all names that callers give to objects, apart from the engine's own refs. */
export const namesPrefix = "named/";
/** Before the names of workers that are built into this package: NAME and what it was built from follow, with a slash between. */
export const builtPrefix = "built/";
/** Before the names of a user's own commands. */
export const ownToolPrefix = "tool/own/";

export class JobNames {
  readonly #store: Store;
  readonly #library: Oid;
  readonly #subjects = new Map<Oid, Subject | undefined>();
  readonly #entryNames = new Map<Oid, ReadonlyMap<Oid, string> | undefined>();
  readonly #workers = new Map<string, string>();
  readonly #files = new Map<Oid, string | undefined>();
  #given: ReadonlyMap<Oid, string> | undefined;

  /** Workers have the names that they have in their own library, or in this one. */
  constructor(store: Store, library: Oid) {
    this.#store = store;
    this.#library = library;
  }

  /** Undefined for what is no request, or not here. */
  subjectOf(request: Oid): Subject | undefined {
    return remembered(this.#subjects, request, () => readSubject(this.#store, request));
  }

  /** One step of a path, from what a job is about to what one that it asked for is about: empty where that is the same, undefined where it can't be told. */
  step(parent: Oid, request: Oid): string | undefined {
    const [outer, inner] = [this.subjectOf(parent)?.in, this.subjectOf(request)?.in];
    if (outer === undefined || inner === undefined) return undefined;
    return outer === inner ? "" : this.namesIn(outer)?.get(inner);
  }

  /** The first name of each object in a tree. */
  namesIn(tree: Oid): ReadonlyMap<Oid, string> | undefined {
    return remembered(this.#entryNames, tree, () => entryNames(this.#store, tree));
  }

  /** Of a path that was made of steps: `.` for none. Undefined where one of them is. */
  pathOf(way: readonly Oid[]): string | undefined {
    const [top] = way;
    if (top === undefined || this.subjectOf(top)?.in === undefined) return undefined;
    const steps: string[] = [];
    for (const [at, request] of way.slice(1).entries()) {
      const step = this.step(way[at] as Oid, request);
      if (step === undefined) return undefined;
      if (step !== "") steps.push(step);
    }
    return steps.length === 0 ? "." : steps.join("/");
  }

  /** Finds the paths of jobs below `top`, `.` for what that is about itself, given who asked for each; finds none where the way to it can't be told. */
  placesBelow(top: Oid, parents: ReadonlyMap<Oid, Oid>): (request: Oid) => string | undefined {
    const paths = new Map<Oid, string | undefined>([[top, this.pathOf([top])]]);
    return (request) => {
      const way = new Set<Oid>();
      for (let at: Oid | undefined = request; at !== undefined && !paths.has(at) && !way.has(at); at = parents.get(at))
        way.add(at);
      for (const at of [...way].toReversed()) {
        const parent = parents.get(at);
        const above = parent === undefined ? undefined : paths.get(parent);
        const step = parent === undefined || above === undefined ? undefined : this.step(parent, at);
        paths.set(at, above === undefined || step === undefined ? undefined : joinedPath(above, step));
      }
      return paths.get(request);
    };
  }

  /** What a job is called: a command as it would be typed, any other by its worker. */
  jobName(subject: Subject): string {
    const argv = this.argvOf(subject);
    return argv === undefined ? this.workerName(subject.request.image, subject.request.std) : typedText(argv);
  }

  /** The command's name and what follows it; undefined of a job that is no command's, or whose arguments are gone. */
  argvOf({ args }: Pick<Subject, "args">): readonly string[] | undefined {
    const found = (name: string) => args.find((entry) => entry.name === name);
    const argv = found("argv");
    if (argv === undefined || !["cwd", "env", "in", "stdin"].every((name) => found(name) !== undefined))
      return undefined;
    return stringsIn(this.#store, argv.oid);
  }

  /** A name in the standard library, or `worker OID`. */
  libraryName(image: Oid, std: Oid | undefined): string {
    const key = `${image} ${std ?? ""}`;
    const known = this.#workers.get(key);
    if (known !== undefined) return known;
    const ours = workerName(this.#store, this.#library, image);
    const name = ours.startsWith("worker ") && std !== undefined ? workerName(this.#store, std, image) : ours;
    this.#workers.set(key, name);
    return name;
  }

  /** The same, but a script that was bundled here is called by its file, what is built into this package by its name there, and a user's own command by the name that was given. */
  workerName(image: Oid, std: Oid | undefined): string {
    return this.scriptFile(image) ?? this.#givenName(image) ?? this.libraryName(image, std);
  }

  #givenName(image: Oid): string | undefined {
    const named = (prefix: string) =>
      [...this.#store.refs(namesPrefix + prefix)].map(([ref, node]): [Oid, string] => {
        const [name] = ref.slice(namesPrefix.length + prefix.length).split("/", 1) as [string];
        return [node, name];
      });
    this.#given ??= new Map([...named(builtPrefix), ...named(ownToolPrefix)]);
    return this.#given.get(image);
  }

  /** The file of the script that a runtime node holds, if it was bundled here. */
  scriptFile(image: Oid): string | undefined {
    return remembered(this.#files, image, () => {
      const found = resolveHere(this.#store, image);
      const map = found === undefined ? undefined : this.#store.ref(mapRef(found));
      if (map === undefined || this.#store.kindOf(map) !== "blob") return undefined;
      const { sources } = JSON.parse(Buffer.from(this.#store.get(map).body).toString("utf8")) as {
        readonly sources?: readonly (string | null)[];
      };
      // The bundler writes a module after those that it imports, and what it adds itself has no name.
      return sources?.findLast((source) => source !== null && source !== "") ?? undefined;
    });
  }
}

/** The module of a runtime node that is here. */
function resolveHere(store: Store, image: Oid): Oid | undefined {
  try {
    const found = resolveImage(store, image, undefined);
    return "error" in found ? undefined : found.node.module;
  } catch (error) {
    if (error instanceof MissingObject) return undefined;
    throw error;
  }
}

/** The strings of a blob that holds a command's; undefined for what does not, or is gone. */
export function stringsIn(objects: ObjectReader, name: Oid): readonly string[] | undefined {
  try {
    const { kind, body } = objects.get(name);
    return kind === "blob" ? decodeStrings(body) : undefined;
  } catch (error) {
    if (error instanceof MissingObject) return undefined;
    throw error;
  }
}

function remembered<K, T>(known: Map<K, T>, name: K, find: () => T): T {
  if (known.has(name)) return known.get(name) as T;
  const found = find();
  known.set(name, found);
  return found;
}

function readSubject(store: Store, name: Oid): Subject | undefined {
  try {
    const request = readRequest(store, name);
    const args = entriesOf(store.get(request.args).body) ?? [];
    return { request, args, in: args.find((entry) => entry.name === "in")?.oid };
  } catch (error) {
    if (error instanceof MissingObject || error instanceof MalformedRequest) return undefined;
    throw error;
  }
}

/** A path with one step more. */
export function joinedPath(path: string, step: string): string {
  if (step === "") return path;
  return path === "." ? step : `${path}/${step}`;
}

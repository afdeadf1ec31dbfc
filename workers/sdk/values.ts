/**
 * The values that workers and the host exchange. They say nothing of how the ABI writes them.
 */

/** An object's name. Opaque to workers: they pass oids on and compare them, they do not take them apart. */
export type Oid = string;

export enum Kind {
  Blob,
  Tree,
}

export enum Mode {
  File,
  Executable,
  Symlink,
  Gitlink,
  Folder,
}

/** One entry of a tree, or one named argument. */
export class Entry {
  constructor(
    readonly name: string,
    readonly mode: Mode,
    readonly oid: Oid,
  ) {}

  get isTree(): bool {
    return this.mode == Mode.Folder;
  }

  /** The entry `name` that holds an object of this kind, with no mode of its own beyond that. */
  static of(name: string, kind: Kind, oid: Oid): Entry {
    return new Entry(name, kind == Kind.Tree ? Mode.Folder : Mode.File, oid);
  }

  /** The same object under another name. */
  named(name: string): Entry {
    return new Entry(name, this.mode, this.oid);
  }
}

/** One nested request to be made: an image (an oid or `/cas/std/NAME`) and its arguments, in any order. */
export class Request {
  constructor(
    readonly image: string,
    readonly args: Entry[],
  ) {}
}

/** What a nested request came to: `ok` with `kind` and `oid`, or not with `error`. */
export class Answer {
  constructor(
    readonly ok: bool,
    readonly kind: Kind,
    readonly oid: Oid,
    readonly error: string,
  ) {}

  /** The result as an entry `name`. Only for an answer that is ok. */
  entry(name: string): Entry {
    assert(this.ok);
    return Entry.of(name, this.kind, this.oid);
  }
}

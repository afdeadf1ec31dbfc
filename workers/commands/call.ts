/** What a command of our own (commands.ts) is given, and what it comes to. */

export interface OwnStat {
  readonly isFile: boolean;
  readonly isDirectory: boolean;
  readonly isSymbolicLink: boolean;
  readonly mode: number;
  readonly size: number;
}

/** The tree, by paths as they were typed. */
export interface OwnFiles {
  /** What is at a path; undefined where nothing is. */
  readonly look: (path: string, follows: boolean) => OwnStat | undefined;
  /** A file's bytes, one character each; undefined for what is no file. */
  readonly text: (path: string) => string | undefined;
  /** Writes a file, and says whether it could be written. */
  readonly put: (path: string, content: string) => boolean;
  /** Writes a file in the place of what is there, a symlink too, and says whether it could. */
  readonly replace: (path: string, content: string, isExecutable: boolean) => boolean;
  /** Renames what is there, in the place of a file that has the name already, and says whether it could. */
  readonly move: (from: string, to: string) => boolean;
  /** The names in a folder, in the order of their bytes. */
  readonly names: (path: string) => readonly string[];
  /** The path without symlinks of what is there. */
  readonly real: (path: string) => string | undefined;
  /** Where a symlink leads. */
  readonly target: (path: string) => string | undefined;
}

export interface OwnCall {
  /** The name by which it was called. */
  readonly name: string;
  readonly args: readonly string[];
  readonly env: ReadonlyMap<string, string>;
  readonly files: OwnFiles;
  readonly stdin: () => string;
  /** A file of patterns or a program, `-` for stdin. */
  readonly readPattern: (path: string) => string | undefined;
}

export interface OwnEnded {
  readonly stdout: string;
  readonly stderr: string;
  readonly exitCode: number;
}

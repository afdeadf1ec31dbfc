/** What goes wrong in finding a command. Apart from where they are thrown, since every command of the command line must know them and few find one. */

/** No command of that name is to be had; the message says how it would be. */
export class CommandNotFound extends Error {
  override readonly name = "CommandNotFound";
  readonly command: string;
  constructor(command: string, reason: string) {
    super(`${JSON.stringify(command)}: ${reason}`);
    this.command = command;
  }
}

/** What is named is a file or folder of the tree, which is no command; the message says what is. */
export class UnstartableFile extends Error {
  override readonly name = "UnstartableFile";
  readonly path: string;
  constructor(path: string, reason: string) {
    super(`${JSON.stringify(path)} can't be started: ${reason}`);
    this.path = path;
  }
}

/** A file of a package that is not the one that is known, or one that can't be run. */
export class UnfitTool extends Error {
  override readonly name = "UnfitTool";
}

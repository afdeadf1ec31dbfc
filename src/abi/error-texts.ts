/**
 * Every text that a guest can see in an `{"error"}` or a failed outcome of the engine's own. They are part of the contract: a guest may store what it
 * was told, so a changed text is a changed outcome and bumps the runtime's marker. No text holds V8's words, sizes of the machine or names.
 */
export const errorTexts = {
  // the envelope
  outOfMemory: "the request does not lie inside the guest's memory",
  tooLong: "the request is too long",
  notUtf8: "the request is not UTF-8",
  notJson: "the request is not JSON",
  tooDeep: "the request is nested too deep",
  notAnObject: "the request is not a JSON object",
  unknownOp: "unknown op",
  badOp: "op is missing or not a string",
  // fields
  badHash: "hash is missing or not a string",
  malformedOid: "malformed oid",
  badBytes: "bytes_b64 is missing or not a string",
  malformedBase64: "malformed base64",
  badMsg: "msg is missing or not a string",
  badKind: "kind is missing or not blob or tree",
  badEntries: "entries is missing or not a list",
  badEntry: "an entry is not an object",
  badName: "name is missing or not a string",
  badMode: "mode is not a git mode",
  badImage: "image is missing or not a string",
  badArgs: "args is missing or not a string",
  badReqs: "reqs is missing or not a list",
  badReq: "an item of reqs is not an object",
  tooMany: "too many requests in one call",
  // objects
  notABlob: "the object is not a blob",
  notATree: "the object is not a tree",
  malformedTree: "the tree is malformed",
  nameNotUtf8: "the tree has a name that is not UTF-8",
  reservedName: "a name is empty, reserved, or has a slash or NUL",
  duplicateName: "a name stands twice",
  wrongKind: "the object is of another kind",
  tooLarge: "the object is too large",
  // workers
  argsNotATree: "args is not a tree",
  notAnImage: "the image is neither an oid nor a name in std",
  noSuchWorker: "std has no worker of that name",
  notAWorker: "the image is not a worker",
  curriedTooDeep: "the worker is curried too deep",
  // results
  outTwice: "out was called twice",
} as const;

export type ErrorText = (typeof errorTexts)[keyof typeof errorTexts];

/** Messages of failed outcomes, where the guest logged none. */
export const failureTexts = {
  trapped: "the guest trapped",
  threw: "the guest threw an exception",
  exited: "the guest exited without a result",
  noResult: "the guest returned without a result",
  notWasm: "the module is not valid WebAssembly",
  unknownImport: "the module imports what no guest can have",
  noEntry: "the module does not export memory and caos_run",
  memoryTooLarge: "the module asks for more memory than a guest can have",
  tooManyRuns: "the guest asked for too many nested requests",
  loggedTooMuch: "the guest logged too much",
  outOfFuel: "the guest ran out of fuel",
  calledTooDeep: "the guest's calls were nested too deep",
  resultTooLarge: "the guest's result is too large",
} as const;

/** Messages of failed outcomes of commands (abi/command.ts), beside those above. They belong to the marker `coppice-wasi/1`. */
export const commandTexts = {
  notACommand: "args is not a command's: argv, cwd, env, in and stdin, and nothing else",
  badArgv: "argv is not a list of strings that each end in NUL, with at least one",
  badEnv: "env is not a list of KEY=VALUE strings that each end in NUL, sorted and each key once",
  badCwd: "cwd is not the absolute path of a folder of in",
  tooManyArguments: "argv or env has more strings, or more bytes, than a command can have",
  noStart: "the module does not export memory and _start",
  wroteTooMuch: "the command wrote too much",
  tooManyEntries: "the command looked into folders with too many entries",
} as const;

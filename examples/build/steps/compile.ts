/**
 * One file: its JavaScript, and what it imports once types are gone. Neither comments nor lines are left in it, so an edit of a comment ends here: whoever takes the compiled file is asked for the same as before.
 */
import type { Job } from "coppice/worker";
import ts from "typescript";

export interface Compiled {
  readonly code: string;
  readonly imports: readonly string[];
}

/** Fails with `LINE:COLUMN: message` for what is no TypeScript. The caller knows the file's name. */
export default (job: Job<"in">): Compiled => {
  const { outputText, diagnostics = [] } = ts.transpileModule(job.text(job.args.in), {
    reportDiagnostics: true,
    compilerOptions: {
      module: ts.ModuleKind.CommonJS,
      target: ts.ScriptTarget.ES2023,
      esModuleInterop: true,
      removeComments: true,
    },
  });
  for (const { file, start = 0, messageText } of diagnostics) {
    const { line, character } = file?.getLineAndCharacterOfPosition(start) ?? { line: 0, character: 0 };
    throw new Error(`${line + 1}:${character + 1}: ${ts.flattenDiagnosticMessageText(messageText, " ")}`);
  }
  const imports = ts.preProcessFile(outputText, true, true).importedFiles.map(({ fileName }) => fileName);
  return { code: outputText.replace(/^#!.*/, ""), imports: [...new Set(imports)] };
};

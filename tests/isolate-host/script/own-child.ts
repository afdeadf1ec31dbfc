/** A script child whose process is this thread's own. */
import { ScriptChild } from "../../../src/isolate-host/script/script-child.ts";
import { ScriptProcess, type ScriptProcessOptions } from "../../../src/isolate-host/script/script-process.ts";

export class OwnChild extends ScriptChild {
  readonly process: ScriptProcess;

  constructor(options: ScriptProcessOptions, onHearing: (isHearing: boolean) => void = () => undefined) {
    const process = new ScriptProcess(options);
    super(process.pipes, { onHearing, onClosed: () => process.release() });
    this.process = process;
  }
}

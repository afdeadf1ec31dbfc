/** One call of a tool, from a client or a transcript: arguments are checked, and whatever goes wrong becomes a ToolFault with one sentence. */
import type { z } from "zod";
import { kindOfError, messageOf } from "../cli/exit.ts";
import { ToolFault, type Answer } from "./answer.ts";
import { tools, type Calling } from "./tools.ts";

/** Faults of arguments that one sentence names. */
const namedFaultsMax = 3;

/** What is called, as it came. */
export interface Call {
  readonly tool: string;
  readonly arguments: unknown;
}

/** Calls a tool. Rejects with ToolFault, and with nothing else. */
export async function callTool(calling: Calling, { tool: name, arguments: given }: Call): Promise<Answer> {
  const tool = Object.hasOwn(tools, name) ? tools[name] : undefined;
  if (tool === undefined)
    throw new ToolFault("usage", `there is no tool ${name.slice(0, 100)}; there are ${Object.keys(tools).join(", ")}`);
  const checked = tool.input.safeParse(given ?? {});
  if (!checked.success) throw new ToolFault("usage", `${name} can't be called so: ${faultsOf(checked.error)}`);
  try {
    return await tool.call(calling, checked.data as never);
  } catch (error) {
    throw await asFault(error);
  }
}

async function asFault(error: unknown): Promise<ToolFault> {
  if (error instanceof ToolFault) return error;
  const kind = await kindOfError(error);
  if (kind !== undefined) return new ToolFault(kind, messageOf(error), undefined, error);
  return new ToolFault(
    "bug",
    "this is a bug of Coppice; the server goes on, and its stderr has what to report",
    undefined,
    error,
  );
}

function faultsOf({ issues }: z.ZodError): string {
  const told = issues.slice(0, namedFaultsMax).map(({ path, message }) => {
    const words = `${message.charAt(0).toLowerCase()}${message.slice(1)}`;
    return path.length === 0 ? words : `${path.join(".")}: ${words}`;
  });
  const more = issues.length > told.length ? [`and ${issues.length - told.length} more`] : [];
  return [...told, ...more].join("; ");
}

/** The server as a client meets it: a process of its own, and the SDK's client over its stdin and stdout. */
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import type { RequestOptions } from "@modelcontextprotocol/sdk/shared/protocol.js";
import { commandFile, type Room } from "../cli/room.ts";

/** What a call was answered. */
export interface Answered {
  readonly isError: boolean;
  /** The one text that is shown. */
  readonly text: string;
  /** What programs read; empty for an error. */
  readonly facts: Facts;
}

interface Shown {
  readonly blob: string;
  readonly bytes: number;
  readonly encoding: string;
  readonly text: string;
  readonly leftOut: { readonly bytes: number; readonly lines: number } | null;
}

export interface Facts {
  readonly request: string;
  readonly tree: string;
  readonly remembered: boolean;
  readonly executed: number;
  readonly exit: number | null;
  readonly result: { readonly kind: string; readonly oid: string };
  readonly output: Shown;
  readonly stdout: Shown;
  readonly stderr: Shown;
  readonly [fact: string]: unknown;
}

export type Calls = (tool: string, args: Record<string, unknown>, options?: RequestOptions) => Promise<Answered>;

export interface Served {
  readonly client: Client;
  readonly call: Calls;
  /** Ends the server as clients do, and gives what it said on stderr once its process is gone. */
  readonly close: () => Promise<string>;
  readonly pid: number;
}

/** Starts `coppice mcp` with these arguments, in the room's surroundings. */
export async function served(room: Room, ...args: readonly string[]): Promise<Served> {
  const transport = new StdioClientTransport({
    command: process.execPath,
    args: [commandFile, "mcp", ...args],
    env: room.environment,
    cwd: room.path(),
    stderr: "pipe",
  });
  const said: Buffer[] = [];
  // The transport waits for some seconds, then kills the process and waits no more.
  const ended = Promise.withResolvers<void>();
  Object.assign(transport, { onclose: ended.resolve });
  transport.stderr?.on("data", (chunk: Buffer) => said.push(chunk));
  const client = new Client({ name: "test", version: "1" });
  await client.connect(transport);
  const call: Calls = async (name, given, options) => {
    const { isError, content, structuredContent } = await client.callTool(
      { name, arguments: given },
      undefined,
      // The client's own, a minute, is short on a busy machine.
      { timeout: 250_000, ...options },
    );
    const [shown, ...more] = content as readonly { readonly text: string }[];
    if (shown === undefined || more.length > 0) throw new Error(`one text was wanted: ${JSON.stringify(content)}`);
    return { isError: isError === true, text: shown.text, facts: (structuredContent ?? {}) as unknown as Facts };
  };
  const close = async () => {
    await client.close();
    await ended.promise;
    return Buffer.concat(said).toString("utf8");
  };
  return { client, call, close, pid: transport.pid ?? 0 };
}

/** Works with a server, and ends it. */
export async function withServer<T>(
  room: Room,
  args: readonly string[],
  work: (server: Served) => Promise<T>,
): Promise<T> {
  const server = await served(room, ...args);
  try {
    return await work(server);
  } finally {
    await server.close();
  }
}

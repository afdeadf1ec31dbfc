/**
 * The Model Context Protocol over a pair of streams, by the official SDK: lists the tools and has them called. Guarantees: nothing but the protocol is written to `out`; a call that goes wrong is answered as a tool's
 * error, and the server goes on; a cancelled call ends what runs for it, and so does a client that reads no answers any more; what was asked before the stream ended is answered.
 */
import type { Readable, Writable } from "node:stream";
import { setImmediate } from "node:timers/promises";
import { Server } from "@modelcontextprotocol/sdk/server/index.js";
import { StdioServerTransport } from "@modelcontextprotocol/sdk/server/stdio.js";
import { CallToolRequestSchema, ListToolsRequestSchema, type CallToolResult } from "@modelcontextprotocol/sdk/types.js";
import { toJSONSchema, type z } from "zod";
import { commonLine, ToolFault, type Answer } from "./answer.ts";
import { callTool, type Call } from "./calls.ts";
import { tools, type Calling } from "./tools.ts";

/** Bytes of a message from a client; one that says more is hung up on. */
const messageBytesMax = 16 << 20;
/** Calls at once; further ones are refused. Executors are fewer, so more would only wait. */
const openCallsMax = 64;

const instructions = `Coppice runs sealed programs over immutable folder trees and remembers every result.
State is a tree oid: begin with \`import\`, pass \`tree\` of an answer to the next call. An earlier oid stays valid: to undo or branch, pass it again. The same call on the same tree is answered from memory.
Long texts are cut from the middle; a note in the text says how \`read\` shows the rest. \`diff\` compares any two trees.`;

export interface Serving extends Pick<Calling, "engine" | "folders" | "toolFolders"> {
  readonly version: string;
  readonly in: Readable;
  readonly out: Writable;
  /** Ends the server, and what runs. */
  readonly signal: AbortSignal;
  /** Takes one line for people. */
  readonly log: (line: string) => void;
  /** Hears of each call that was answered, before the client does. What it throws is the client's answer. */
  readonly record?: (call: Call, answer: Answer | ToolFault) => void;
}

/** Serves until the client closes the stream, and is answered what it asked before; or until `signal`, or until it reads no more. */
export async function serve(serving: Serving): Promise<void> {
  const ending = new AbortController();
  const open = new Set<Promise<unknown>>();
  // The class that checks arguments itself answers faults with the whole of zod's reasons.
  const server = new Server(
    { name: "coppice", version: serving.version },
    { capabilities: { tools: {} }, instructions },
  );
  const listed = listedTools();
  server.setRequestHandler(ListToolsRequestSchema, () => ({ tools: listed }));
  server.setRequestHandler(CallToolRequestSchema, async ({ params }, { signal, _meta, sendNotification }) => {
    if (open.size >= openCallsMax)
      return faultResult(new ToolFault("host", `${openCallsMax} calls are under way; call again when one is answered`));
    const token = _meta?.progressToken;
    const onProgress = (executed: number) => {
      const message = `${executed} jobs executed`;
      const told = { progressToken: token as string | number, progress: executed, message };
      sendNotification({ method: "notifications/progress", params: told }).catch(() => undefined);
    };
    const call = { tool: params.name, arguments: params.arguments };
    const ended = AbortSignal.any([signal, ending.signal]);
    const answering = answerTo(serving, call, ended, token === undefined ? undefined : onProgress);
    open.add(answering);
    try {
      return await answering;
    } finally {
      open.delete(answering);
    }
  });
  const closed = Promise.withResolvers<void>();
  Object.assign(server, {
    onerror: (error: Error) => serving.log(error.message),
    onclose: () => closed.resolve(),
  });
  const close = () => void server.close();
  /** A client may close the stream behind its last call, and wait for the answers. */
  const answerThenClose = async () => {
    // A call that was read just now is open by then, and an answer that was made is written.
    do {
      await Promise.allSettled(open);
      await setImmediate();
    } while (open.size > 0);
    await new Promise((written) => serving.out.write("", written));
    close();
  };
  serving.in.once("end", () => void answerThenClose());
  serving.in.once("close", () => {
    if (!serving.in.readableEnded) close();
  });
  serving.out.once("error", close);
  serving.signal.addEventListener("abort", close, { once: true });
  await server.connect(new StdioServerTransport(serving.in, serving.out, { maxBufferSize: messageBytesMax }));
  if (serving.signal.aborted) close();
  await closed.promise;
  serving.signal.removeEventListener("abort", close);
  ending.abort();
  // Their runs end as cancelled, which is written to the store.
  await Promise.allSettled(open);
}

async function answerTo(
  serving: Serving,
  call: Call,
  signal: AbortSignal,
  onProgress: ((executed: number) => void) | undefined,
): Promise<CallToolResult> {
  const { engine, folders, toolFolders, record, log } = serving;
  try {
    const calling = { engine, folders, toolFolders, signal, ...(onProgress === undefined ? {} : { onProgress }) };
    const answer = await callTool(calling, call).catch((error: unknown) => {
      if (error instanceof ToolFault) return error;
      throw error;
    });
    record?.(call, answer);
    if (!(answer instanceof ToolFault)) return answerResult(answer);
    if (answer.kind === "bug") log((answer.cause as Error).stack ?? String(answer.cause));
    return faultResult(answer);
  } catch (error) {
    // The call was answered, and could not be recorded.
    const message = error instanceof Error ? error.message : String(error);
    log(message);
    return faultResult(new ToolFault("host", message));
  }
}

/** Facts for programs; the texts and a line of facts for models, since some clients show one of the two, and some of several texts the first alone. */
function answerResult({ facts, texts }: Answer): CallToolResult {
  const line = commonLine(facts);
  const shown = [...texts, line === "" ? "" : `[${line}]`].filter((text) => text !== "");
  const text = shown.map((each, at) => (at === shown.length - 1 || each.endsWith("\n") ? each : `${each}\n`)).join("");
  return { structuredContent: { ...facts }, content: [{ type: "text", text }] };
}

function faultResult({ message }: ToolFault): CallToolResult {
  return { isError: true, content: [{ type: "text", text: message }] };
}

function listedTools() {
  return Object.entries(tools).map(([name, { title, description, input, output, hints }]) => ({
    name,
    title,
    description,
    inputSchema: jsonSchema(input, "input"),
    outputSchema: jsonSchema(output, "output"),
    annotations: { title, ...hints },
  }));
}

function jsonSchema(shape: z.ZodObject, io: "input" | "output") {
  // The version that the SDK's own checks read.
  return { ...toJSONSchema(shape, { target: "draft-7", io }), type: "object" as const };
}

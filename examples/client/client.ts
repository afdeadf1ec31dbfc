/** `npm run example:client [-- PATH]`: a client of `coppice mcp` by the protocol's SDK. It changes a copy of a git work tree, twice; the second time all is remembered. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";

/** What the answers have that is used here. */
interface Facts {
  readonly tree: string;
  readonly remembered: boolean;
  readonly count?: number;
}

const root = resolve(process.argv[2] ?? ".");
const folder = mkdtempSync(join(tmpdir(), "coppice-client-"));
// Where Coppice is installed: `command: "coppice"`, and `mcp` the first of its arguments.
const coppice = join(import.meta.dirname, "..", "..", "bin", "coppice.js");
const server = new StdioClientTransport({
  command: process.execPath,
  args: [coppice, "mcp", "--root", root, "--store", join(folder, "store.sqlite")],
});
const client = new Client({ name: "example", version: "1" });
await client.connect(server);

async function call(name: string, args: Record<string, unknown>): Promise<Facts> {
  const { isError, content, structuredContent } = await client.callTool({ name, arguments: args });
  // One sentence, for whoever or whatever made the call.
  if (isError === true) throw new Error((content as readonly { readonly text: string }[])[0]?.text);
  return structuredContent as Facts;
}

try {
  for (const round of ["first", "again"]) {
    const { tree } = await call("import", {});
    const { tree: after, remembered } = await call("exec", { tree, command: "ls > LIST && wc -l < LIST" });
    const { count } = await call("diff", { from: tree, to: after });
    console.log(`${round}: tree ${tree} -> ${after}, ${count} path changed, remembered: ${remembered}`);
  }
} finally {
  await client.close();
  rmSync(folder, { recursive: true });
}

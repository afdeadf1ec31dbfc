/** A compiler from npm runs in the sealed realm, and says the same there as outside. */
import { rolldown } from "rolldown";
import ts from "typescript";
import { expect, test } from "vitest";
import { endText, jobOf, MemoryFrame, runToEnd } from "./memory-frame.ts";
import { OwnChild } from "./own-child.ts";

const worker = `import ts from "typescript";
export default async (job) => ts.transpileModule(job.text(job.args.in), { compilerOptions: { target: 99, module: 99 } }).outputText;`;

/** The worker and what it imports in one script; what only a machine has is left out, and is not asked for. */
async function bundled(text: string): Promise<string> {
  const bundle = await rolldown({
    input: "worker.js",
    platform: "neutral",
    resolve: { mainFields: ["main"] },
    external: ["fs", "path", "os", "inspector", "perf_hooks", "source-map-support", "crypto", "buffer"],
    logLevel: "silent",
    cwd: new URL("../../..", import.meta.url).pathname,
    plugins: [
      {
        name: "the worker",
        resolveId: (id) => (id === "worker.js" ? `${import.meta.dirname}/worker.js` : null),
        load: (id) => (id === `${import.meta.dirname}/worker.js` ? text : null),
      },
    ],
  });
  const { output } = await bundle.generate({ format: "cjs", exports: "named" });
  return output[0].code;
}

test("TypeScript compiles as it does outside, job after job", async () => {
  const module = await bundled(worker);
  const child = new OwnChild({ heapMb: 512 });
  const frame = new MemoryFrame();
  const sources = [
    "const a: number = 1;",
    "enum E { A, B }\nexport class C<T> { constructor(private x: T) {} }",
    "let x: = 1",
  ];
  for (const source of [...sources, ...sources]) {
    const turn = runToEnd(child, frame, jobOf(frame, module, { in: source }));
    const expected = ts.transpileModule(source, { compilerOptions: { target: 99, module: 99 } }).outputText;
    expect(endText(turn)).toBe(expected);
  }
  child.close();
});

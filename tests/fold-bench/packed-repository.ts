/** Repositories as git packs them. */
import { spawnSync } from "node:child_process";
import { syntheticContent } from "./fixtures.ts";

/** Runs git. Throws what it says when it fails. */
export function git(folder: string, input: string, ...args: readonly string[]): void {
  // Few objects would be left loose otherwise.
  const packed = ["-c", "fastimport.unpackLimit=0"];
  const { status, stderr } = spawnSync("git", [...packed, ...args], { cwd: folder, input, encoding: "utf8" });
  if (status !== 0) throw new Error(`git ${args.join(" ")}: ${stderr}`);
}

/** Makes a bare repository whose branch `main` has one commit: `files` files, fifty to a folder, a hundred folders to a folder above. */
export function makePackedRepository(folder: string, files: number): void {
  git(".", "", "init", "--bare", folder);
  git(folder, packedCommit(files), "fast-import");
}

/** Input for fast-import. */
function packedCommit(files: number): string {
  const lines = [
    "feature done",
    "commit refs/heads/main",
    "committer A Person <person@example.org> 0 +0000",
    "data 0",
    "",
  ];
  for (let file = 0; file < files; file++) {
    const content = syntheticContent(file);
    const path = `g${Math.floor(file / 5000)}/d${Math.floor(file / 50)}/f${file}.txt`;
    lines.push(`M 100644 inline ${path}`, `data ${content.length}`, content);
  }
  return `${lines.join("\n")}\ndone\n`;
}

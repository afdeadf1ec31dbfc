/** Where a place in a worker's script is in its author's files. Apart from what makes the script, since it is only asked for when something went wrong, and what reads source maps takes 8 ms to load. */
import { TraceMap, originalPositionFor } from "@jridgewell/trace-mapping";

/** A place in a source. `file` is relative to the worker's folder, or starts with a package's name; line and column count from 1, columns in UTF-16 units. */
export interface SourcePosition {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/** The place in a source of a place in a bundle's script, whose map this is; undefined for what the bundler put in. Line and column count from 1, as in V8's stacks. */
export function positionOf(map: string, line: number, column: number): SourcePosition | undefined {
  const found = originalPositionFor(new TraceMap(map), { line, column: column - 1 });
  if (found.source === null || found.source === "") return undefined;
  return { file: found.source, line: found.line, column: found.column + 1 };
}

/** The name of the worker's own file, whose bundle's map this is; undefined when the map does not say. */
export function workerFile(map: string): string | undefined {
  const { file } = JSON.parse(map) as { readonly file?: string };
  return file;
}

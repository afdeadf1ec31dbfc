/** What sed reads: the lines of its operands, of which the last is known before it is read, and those of files that its script names. */
import type { OwnFiles } from "./call.ts";
import { SedFault } from "./sed-words.ts";

/** A text that is read line by line. */
export interface LineReader {
  readonly text: () => string;
  at: number;
}

export interface Line {
  readonly text: string;
  readonly isEnded: boolean;
}

/** The next line; undefined where there is none. */
export function nextLine(reader: LineReader, end: string): Line | undefined {
  const text = reader.text();
  if (reader.at >= text.length) return undefined;
  const to = text.indexOf(end, reader.at);
  const line = text.slice(reader.at, to < 0 ? text.length : to);
  reader.at = to < 0 ? text.length : to + 1;
  return { text: line, isEnded: to >= 0 };
}

export const isRead = (reader: LineReader): boolean => reader.at >= reader.text().length;

/** A reader of a text that is asked for when somebody reads. */
export function readerOf(read: () => string): LineReader {
  let text: string | undefined;
  return { text: () => (text ??= read()), at: 0 };
}

/** The text of a file; of one that is not there, none. Throws SedFault for a folder. */
export function readable(files: OwnFiles, path: string): string {
  if (files.look(path, true)?.isDirectory === true) throw new SedFault(`read error on ${path}: Is a directory`, 4);
  return files.text(path) ?? "";
}

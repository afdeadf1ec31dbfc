/** What sed writes: texts that are kept until it ends. The newline that the input's last line lacks is written when something follows it. */
import { Written } from "./awk-text.ts";
import { SedFault } from "./sed-words.ts";

/** Bytes that are written. */
const writtenBytesMax = 256 * 1024 * 1024;

/** Where bytes go; several outputs may lead there. */
export interface Sink {
  readonly written: Written;
  bytes: number;
}

export interface Output {
  sink: Sink;
  lacksNewline: boolean;
}

export const newSink = (): Sink => ({ written: new Written(), bytes: 0 });

export const outputTo = (sink: Sink): Output => ({ sink, lacksNewline: false });

function put(sink: Sink, text: string): void {
  sink.bytes += text.length;
  if (sink.bytes > writtenBytesMax) throw new SedFault(`it prints more than ${writtenBytesMax} bytes`, 4);
  sink.written.push(text);
}

/** Writes a text as it stands. */
export function writeText(output: Output, text: string, end: string): void {
  if (output.lacksNewline) put(output.sink, end);
  output.lacksNewline = false;
  if (text !== "") put(output.sink, text);
}

/** Writes a line; one that nothing ends is ended by what follows it. */
export function writeLine(output: Output, line: string, end: string, isEnded: boolean): void {
  writeText(output, isEnded ? line + end : line, end);
  output.lacksNewline = !isEnded;
}

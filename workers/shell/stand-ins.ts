/**
 * What the realm of scripts does not have and just-bash asks for when it is loaded, put in place of these names by the build. A text is bytes here, one character a byte, so UTF-8 is not spoken between them: that makes
 * all that passes through just-bash pass as it is.
 */
import { bytesOf, textOf } from "./bytes.ts";

class ByteEncoder {
  encode(text = ""): Uint8Array {
    return bytesOf(text);
  }
}

class ByteDecoder {
  decode(bytes: Uint8Array = new Uint8Array()): string {
    return textOf(bytes);
  }
}

class Signal {
  readonly aborted = false;
  readonly reason = undefined;
  addEventListener(): void {}
  removeEventListener(): void {}
  throwIfAborted(): void {}
}

/** Nothing is ever aborted: a job ends, or is ended from outside. */
class Controller {
  readonly signal = new Signal();
  abort(): void {}
}

/** Case as in the C locale: of ASCII letters alone. */
export function asciiUpper(letters: string): string {
  return letters.toUpperCase();
}

export function asciiLower(letters: string): string {
  return letters.toLowerCase();
}

export { ByteEncoder as TextEncoder, ByteDecoder as TextDecoder, Controller as AbortController };

/** A time-out never comes, since no time passes. */
export const setTimeout = (): number => 0;
export const clearTimeout = (): void => {};
export const setInterval = (): number => 0;
export const clearInterval = (): void => {};
export const process = {};

/**
 * What the sealed isolate has of the child's program: a few functions, and one window of shared memory: an in half, behind it an out half, and a number. No guest ever holds any of them. None of them throws, since an error that crosses isolates would carry
 * the host's texts.
 */
export interface Ports {
  /** Writes the first `length` bytes of the out half to the pipe. */
  send(length: number): void;
  /** Sends, and reads one message: its length when it stands in the in half, else its bytes. */
  exchange(length: number): number | ArrayBuffer;
  /** Names the blob whose bytes stand in the out half at `at`: writes its oid to the in half. */
  nameBlob(at: number, length: number): void;
  /** Given a request's oid in the in half, writes `count` blocks of its random stream there, from block `first` on. */
  randomBlocks(first: number, count: number): void;
}

/** Bytes of one half of the window. */
export const halfBytes = 1 << 18;
/** Behind both, a number: how many bytes of the out half end the turn that was begun, or 0 where `endTurn` is to be asked. */
export const endLengthAt = 2 * halfBytes;
export const windowBytes = endLengthAt + 4;

/** What a module's text makes: called for each job, so that no two share what it declares. */
export type ModuleFactory = (this: object, module: object, exports: object, global: object) => void;

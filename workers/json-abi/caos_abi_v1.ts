/**
 * What the host gives. The compiler takes a declaration's import module from the name of its file, so this
 * file is called what the ABI is called. (`@external` would say it too, but only AssemblyScript can parse it.)
 */

/** Hands over the request of `length` bytes at `at`; returns the length of the answer that the host keeps. */
export declare function call(at: usize, length: i32): i32;

/** Copies the kept answer to `at`. */
export declare function read(at: usize): void;

/**
 * What the host gives (design/abi-binary.md). The compiler takes a declaration's import module from the name of its file, so this
 * file is called what the ABI is called. (`@external` would say it too, but only AssemblyScript can parse it.)
 *
 * A negative answer is the number of an error. `to` is where the host writes.
 */

/** Writes 60 bytes: args, std, this job's request; keeps the salt and answers its length. */
export declare function job(to: usize): i32;

/** Keeps the bytes of this job's args and answers their length. */
export declare function args(): i32;

/** Keeps a tree's bytes and answers their length. */
export declare function tree(oid: usize): i32;

/** Keeps a blob's bytes and answers their length. */
export declare function blob(oid: usize): i32;

/** Copies up to `length` of what is kept, from `from` on, and answers how many bytes that were. */
export declare function read(to: usize, from: i32, length: i32): i32;

export declare function put_blob(at: usize, length: i32, to: usize): i32;
export declare function put_tree(at: usize, length: i32, to: usize): i32;

/** Answers `count` items of 16 bytes with as many of 24; keeps the messages of those that failed and answers their length. */
export declare function run_many(items: usize, count: i32, to: usize): i32;

export declare function out(kind: i32, oid: usize): i32;
export declare function log(at: usize, length: i32): i32;

/** Keeps the text of an error and answers its length. */
export declare function error_text(error: i32): i32;

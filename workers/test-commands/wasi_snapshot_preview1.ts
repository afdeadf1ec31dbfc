/** Preview 1, as far as the guests beside call it. The compiler takes an import's module from the name of its file. */
export declare function args_sizes_get(count: usize, bytes: usize): i32;
export declare function args_get(to: usize, bytes: usize): i32;
export declare function clock_time_get(id: i32, precision: u64, to: usize): i32;
export declare function fd_close(fd: i32): i32;
export declare function fd_filestat_get(fd: i32, to: usize): i32;
export declare function fd_filestat_set_size(fd: i32, size: u64): i32;
export declare function fd_pread(fd: i32, at: usize, count: i32, from: u64, done: usize): i32;
export declare function fd_prestat_get(fd: i32, to: usize): i32;
export declare function fd_pwrite(fd: i32, at: usize, count: i32, from: u64, done: usize): i32;
export declare function fd_read(fd: i32, at: usize, count: i32, done: usize): i32;
export declare function fd_readdir(fd: i32, to: usize, length: usize, cookie: u64, used: usize): i32;
export declare function fd_renumber(from: i32, to: i32): i32;
export declare function fd_seek(fd: i32, offset: i64, whence: i32, to: usize): i32;
export declare function fd_tell(fd: i32, to: usize): i32;
export declare function fd_write(fd: i32, at: usize, count: i32, done: usize): i32;
export declare function path_create_directory(fd: i32, at: usize, length: usize): i32;
export declare function path_filestat_get(fd: i32, follow: i32, at: usize, length: usize, to: usize): i32;
export declare function path_link(
  fd: i32,
  follow: i32,
  at: usize,
  length: usize,
  toFd: i32,
  to: usize,
  toLength: usize,
): i32;
export declare function path_open(
  fd: i32,
  follow: i32,
  at: usize,
  length: usize,
  how: i32,
  own: u64,
  below: u64,
  flags: i32,
  to: usize,
): i32;
export declare function path_readlink(fd: i32, at: usize, length: usize, to: usize, room: usize, used: usize): i32;
export declare function path_remove_directory(fd: i32, at: usize, length: usize): i32;
export declare function path_rename(fd: i32, at: usize, length: usize, toFd: i32, to: usize, toLength: usize): i32;
export declare function path_symlink(at: usize, length: usize, fd: i32, to: usize, toLength: usize): i32;
export declare function path_unlink_file(fd: i32, at: usize, length: usize): i32;
export declare function poll_oneoff(at: usize, to: usize, count: i32, events: usize): i32;
export declare function proc_exit(code: i32): void;

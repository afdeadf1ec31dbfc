/*
 * A command that does what C programs do to files and tells of every step: what it came to, or the errno. What it tells on Linux, in an empty folder, is kept beside it (files.txt); as a command over an empty tree it
 * tells the same.
 *
 * The steps are those that are known to come out differently where POSIX is only nearly there: dangling and circular symlinks, trailing slashes, paths that leave a folder and come back, truncation without a right to write,
 * descriptors of folders, reuse of numbers, appending amid seeks, positioned reads and writes, listing amid changes, links and names of what is open.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

static const char *name_of(int number) {
  switch (number) {
    case EACCES: return "EACCES";
    case EBADF: return "EBADF";
    case EBUSY: return "EBUSY";
    case EEXIST: return "EEXIST";
    case EFBIG: return "EFBIG";
    case EINVAL: return "EINVAL";
    case EISDIR: return "EISDIR";
    case ELOOP: return "ELOOP";
    case EMFILE: return "EMFILE";
    case ENAMETOOLONG: return "ENAMETOOLONG";
    case ENOENT: return "ENOENT";
    case ENOTDIR: return "ENOTDIR";
    case ENOTEMPTY: return "ENOTEMPTY";
    case EPERM: return "EPERM";
    case ESPIPE: return "ESPIPE";
    case EXDEV: return "EXDEV";
  }
  return strerror(number);
}

static int step;

/* Tells what a call came to, and hands it on. */
static long told(const char *what, long value) {
  step++;
  if (value == -1) printf("%d %s: %s\n", step, what, name_of(errno));
  else printf("%d %s: %ld\n", step, what, value);
  return value;
}
#define TELL(call) told(#call, (long)(call))

/* Tells whether a call that gives a number that may be any went well. */
static int opened(const char *what, int fd) {
  step++;
  printf("%d %s: %s\n", step, what, fd < 0 ? name_of(errno) : "open");
  return fd;
}
#define OPEN(...) opened("open(" #__VA_ARGS__ ")", open(__VA_ARGS__))

static void put(const char *path, const char *content) {
  int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
  if (fd < 0 || write(fd, content, strlen(content)) != (ssize_t)strlen(content) || close(fd) != 0) printf("put %s failed\n", path);
}

static void show(const char *path) {
  char bytes[256];
  int fd = open(path, O_RDONLY);
  step++;
  if (fd < 0) {
    printf("%d %s: %s\n", step, path, name_of(errno));
    return;
  }
  ssize_t length = read(fd, bytes, sizeof bytes);
  printf("%d %s: ", step, path);
  for (ssize_t at = 0; at < length; at++) printf(bytes[at] >= ' ' && bytes[at] < 127 ? "%c" : "\\%02x", bytes[at] & 0xff);
  printf("\n");
  close(fd);
}

static void stat_of(const char *path, int flags) {
  struct stat it;
  step++;
  if (fstatat(AT_FDCWD, path, &it, flags) != 0) {
    printf("%d stat %s: %s\n", step, path, name_of(errno));
    return;
  }
  if (S_ISDIR(it.st_mode)) printf("%d stat %s: folder\n", step, path);
  else printf("%d stat %s: %s, %ld bytes, %ld links\n", step, path, S_ISLNK(it.st_mode) ? "link" : "file", (long)it.st_size, (long)it.st_nlink);
}

static int by_name(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

static void list(const char *path) {
  char *names[64];
  size_t count = 0;
  DIR *folder = opendir(path);
  step++;
  if (folder == NULL) {
    printf("%d list %s: %s\n", step, path, name_of(errno));
    return;
  }
  for (struct dirent *entry; (entry = readdir(folder)) != NULL && count < 64;) names[count++] = strdup(entry->d_name);
  closedir(folder);
  qsort(names, count, sizeof *names, by_name);
  printf("%d list %s:", step, path);
  for (size_t each = 0; each < count; each++) printf(" %s", names[each]);
  printf("\n");
}

static void symlinks(void) {
  puts("# symlinks");
  put("file", "content");
  TELL(mkdir("folder", 0755));
  TELL(symlink("nowhere", "dangling"));
  TELL(symlink("loop-b", "loop-a"));
  TELL(symlink("loop-a", "loop-b"));
  TELL(symlink("self", "self"));
  TELL(symlink("file", "to-file"));
  TELL(symlink("folder", "to-folder"));
  TELL(symlink("file/", "to-file-slash"));
  TELL(symlink("../file", "folder/up"));
  TELL(symlink("x", "file"));
  TELL(symlink("", "empty-text"));
  TELL(symlink("x", "none/x"));
  stat_of("dangling", 0);
  stat_of("dangling", AT_SYMLINK_NOFOLLOW);
  stat_of("loop-a", 0);
  stat_of("loop-a", AT_SYMLINK_NOFOLLOW);
  stat_of("to-file", 0);
  stat_of("to-file-slash", 0);
  stat_of("to-folder", AT_SYMLINK_NOFOLLOW);
  stat_of("to-folder/", AT_SYMLINK_NOFOLLOW);
  OPEN("dangling", O_RDONLY);
  OPEN("dangling", O_RDONLY | O_NOFOLLOW);
  OPEN("dangling", O_WRONLY | O_CREAT | O_EXCL, 0644);
  OPEN("self", O_RDONLY);
  OPEN("self", O_RDONLY | O_NOFOLLOW);
  OPEN("self", O_WRONLY | O_CREAT, 0644);
  OPEN("to-file", O_RDONLY | O_NOFOLLOW);
  OPEN("to-folder", O_RDONLY | O_NOFOLLOW | O_DIRECTORY);
  OPEN("loop-a/x", O_RDONLY);
  show("folder/up");
  show("to-folder/up");
  show("to-folder/../file");
  TELL(unlink("to-folder/"));
  TELL(rmdir("to-folder"));
  TELL(rmdir("to-folder/"));
  TELL(mkdir("dangling", 0755));
  put("dangling", "made");
  show("nowhere");
  stat_of("dangling", 0);
  char room[16];
  TELL(readlink("dangling", room, sizeof room));
  TELL(readlink("dangling", room, 3));
  TELL(readlink("file", room, sizeof room));
  TELL(readlink("none", room, sizeof room));
  TELL(unlink("dangling"));
  show("nowhere");
}

static void paths(void) {
  puts("# paths");
  TELL(mkdir("a", 0755));
  TELL(mkdir("a/b", 0755));
  put("a/b/c", "deep");
  show("a/b/c");
  show("a//b/././c");
  show("./a/../a/b/../b/c");
  show("a/b/c/");
  show("a/b/c/.");
  show("a/b/c/..");
  show("a/b/none/../c");
  show("a/none/../b/c");
  char longer[300];
  memset(longer, 'n', sizeof longer);
  longer[sizeof longer - 1] = 0;
  TELL(mkdir(longer, 0755));
  longer[255] = 0;
  TELL(mkdir(longer, 0755));
  TELL(rmdir(longer));
  OPEN("a/b", O_WRONLY);
  OPEN("a/b", O_RDWR);
  OPEN("a/b", O_RDONLY | O_CREAT, 0644);
  OPEN("a/b", O_RDONLY | O_TRUNC);
  OPEN("a/b/", O_RDONLY | O_DIRECTORY);
  OPEN("a/b/c", O_RDONLY | O_DIRECTORY);
  OPEN("a/new/", O_WRONLY | O_CREAT, 0644);
  OPEN("a/b/c", O_WRONLY | O_CREAT | O_EXCL, 0644);
  TELL(mkdir("a/b", 0755));
  TELL(mkdir("a/b/c", 0755));
  TELL(mkdir("a/b/c/d", 0755));
  TELL(mkdir("a/slashed/", 0755));
  TELL(mkdir(".", 0755));
  TELL(mkdir("none/x", 0755));
  TELL(rmdir("a"));
  TELL(rmdir("a/b/c"));
  TELL(rmdir("a/slashed/."));
  TELL(rmdir("a/slashed/.."));
  TELL(rmdir("a/slashed/"));
  TELL(rmdir("none"));
  TELL(unlink("a/b/c/"));
  TELL(unlink("a/b"));
  TELL(unlink("none"));
  TELL(access("a/b/c", F_OK));
  TELL(access("a/none", F_OK));
  list("a");
  list("a/b/c");
  list("none");
}

static void positions(void) {
  puts("# positions");
  char bytes[64];
  put("p", "0123456789");
  int fd = OPEN("p", O_RDWR);
  TELL(read(fd, bytes, 4));
  TELL(pread(fd, bytes, 3, 8));
  TELL(pread(fd, bytes, 3, 20));
  TELL(pread(fd, bytes, 3, -1));
  TELL(lseek(fd, 0, SEEK_CUR));
  TELL(pwrite(fd, "ab", 2, 1));
  TELL(lseek(fd, 0, SEEK_CUR));
  TELL(write(fd, "c", 1));
  TELL(lseek(fd, -3, SEEK_END));
  TELL(write(fd, "defgh", 5));
  TELL(lseek(fd, 4, SEEK_CUR));
  TELL(read(fd, bytes, 4));
  TELL(write(fd, "!", 1));
  TELL(lseek(fd, -100, SEEK_CUR));
  TELL(lseek(fd, 0, 99));
  TELL(ftruncate(fd, 20));
  TELL(lseek(fd, 0, SEEK_END));
  TELL(ftruncate(fd, 3));
  TELL(lseek(fd, 0, SEEK_CUR));
  TELL(read(fd, bytes, 4));
  TELL(ftruncate(fd, -1));
  TELL(write(fd, "", 0));
  TELL(lseek(fd, 0, SEEK_SET));
  struct iovec parts[3] = {{bytes, 1}, {bytes + 8, 0}, {bytes + 16, 9}};
  TELL(readv(fd, parts, 3));
  TELL(writev(fd, parts, 2));
  TELL(close(fd));
  TELL(close(fd));
  TELL(read(fd, bytes, 1));
  show("p");
  fd = OPEN("p", O_RDONLY);
  TELL(write(fd, "x", 1));
  TELL(ftruncate(fd, 1));
  TELL(close(fd));
  fd = OPEN("p", O_WRONLY);
  TELL(read(fd, bytes, 1));
  TELL(pread(fd, bytes, 1, 0));
  TELL(close(fd));
  fd = OPEN("p", O_RDONLY | O_TRUNC);
  TELL(close(fd));
  show("p");
}

static void appending(void) {
  puts("# appending");
  char bytes[64];
  put("log", "one ");
  int fd = OPEN("log", O_RDWR | O_APPEND);
  TELL(lseek(fd, 0, SEEK_CUR));
  TELL(read(fd, bytes, 3));
  TELL(write(fd, "two ", 4));
  TELL(lseek(fd, 0, SEEK_CUR));
  TELL(lseek(fd, 0, SEEK_SET));
  TELL(write(fd, "three ", 6));
  TELL(pwrite(fd, "four ", 5, 0));
  TELL(lseek(fd, 0, SEEK_CUR));
  TELL(pread(fd, bytes, 4, 4));
  TELL(fcntl(fd, F_SETFL, 0));
  TELL(lseek(fd, 0, SEEK_SET));
  TELL(write(fd, "ONE", 3));
  int flags = fcntl(fd, F_GETFL);
  TELL((flags & O_APPEND) != 0);
  TELL((flags & O_ACCMODE) == O_RDWR);
  TELL(fcntl(fd, F_SETFL, O_APPEND));
  TELL(write(fd, "five", 4));
  TELL(close(fd));
  show("log");
  FILE *file = fopen("log", "a+");
  TELL(file != NULL);
  TELL(fputs(" six", file) >= 0);
  TELL(fseek(file, 0, SEEK_SET));
  TELL(fgetc(file));
  TELL(fputs(" seven", file) >= 0);
  TELL(fclose(file));
  show("log");
}

static void numbers(void) {
  puts("# numbers");
  put("n", "number");
  int first = open("n", O_RDONLY);
  int second = open("n", O_RDONLY);
  TELL(second - first);
  TELL(close(first));
  int third = open("n", O_RDONLY);
  TELL(third - first);
  TELL(close(second));
  TELL(close(third));
  int folder = OPEN("a", O_RDONLY | O_DIRECTORY);
  char bytes[4];
  TELL(read(folder, bytes, 1));
  TELL(pread(folder, bytes, 1, 0));
  TELL(write(folder, bytes, 1));
  TELL(ftruncate(folder, 0));
  TELL(unlinkat(folder, "none", 0));
  TELL(mkdirat(folder, "at", 0755));
  TELL(unlinkat(folder, "at", 0));
  TELL(unlinkat(folder, "at", AT_REMOVEDIR));
  TELL(openat(folder, "none", O_RDONLY));
  int inner = openat(folder, "b/c", O_RDONLY);
  TELL(inner >= 0);
  TELL(mkdirat(inner, "x", 0755));
  TELL(close(inner));
  TELL(close(folder));
  TELL(mkdirat(folder, "x", 0755));
}

static void names(void) {
  puts("# names");
  put("x", "of x");
  put("y", "of y");
  TELL(mkdir("full", 0755));
  put("full/in", "inside");
  TELL(mkdir("hollow", 0755));
  TELL(rename("x", "x"));
  TELL(rename("x", "y"));
  show("x");
  show("y");
  TELL(rename("y", "full"));
  TELL(rename("full", "y"));
  TELL(rename("hollow", "full"));
  TELL(rename("full", "full/in/x"));
  TELL(rename("full", "full/below"));
  TELL(rename("full/in", "full"));
  TELL(rename("full", "hollow"));
  list("hollow");
  TELL(rename("y", "y/"));
  TELL(rename("y", "z/"));
  TELL(rename("hollow/", "hollow2/"));
  TELL(rename("none", "x"));
  TELL(rename("y", "none/x"));
  TELL(rename("hollow2/.", "x"));
  TELL(link("y", "hard"));
  stat_of("y", 0);
  put("hard", "shared");
  show("y");
  TELL(rename("y", "hard"));
  stat_of("y", 0);
  TELL(unlink("y"));
  stat_of("hard", 0);
  TELL(link("hollow2", "x"));
  TELL(link("none", "x"));
  TELL(link("hard", "hollow2"));
  TELL(link("to-file", "to-file-2"));
  stat_of("to-file-2", AT_SYMLINK_NOFOLLOW);
  int fd = OPEN("hard", O_RDWR);
  TELL(unlink("hard"));
  show("hard");
  char bytes[16];
  TELL(write(fd, "SH", 2));
  TELL(pread(fd, bytes, 6, 0));
  TELL(memcmp(bytes, "SHared", 6) == 0);
  struct stat it;
  TELL(fstat(fd, &it));
  TELL(it.st_nlink);
  put("hard", "another");
  TELL(pread(fd, bytes, 6, 0));
  TELL(memcmp(bytes, "SHared", 6) == 0);
  TELL(close(fd));
  show("hard");
}

static void listing(void) {
  puts("# listing");
  TELL(mkdir("many", 0755));
  char path[32];
  for (int each = 0; each < 40; each++) {
    snprintf(path, sizeof path, "many/entry-%02d", each);
    put(path, "x");
  }
  /* Removing what is listed while it is listed, as `rm -r` does, leaves nothing. */
  DIR *folder = opendir("many");
  int seen = 0;
  for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
    if (entry->d_name[0] == '.') continue;
    seen++;
    snprintf(path, sizeof path, "many/%s", entry->d_name);
    if (unlink(path) != 0) printf("unlink %s: %s\n", path, name_of(errno));
  }
  TELL(seen);
  rewinddir(folder);
  seen = 0;
  while (readdir(folder) != NULL) seen++;
  TELL(seen);
  TELL(closedir(folder));
  TELL(rmdir("many"));
  folder = opendir("a");
  long start = telldir(folder);
  struct dirent *entry = readdir(folder);
  strcpy(path, entry->d_name);
  readdir(folder);
  seekdir(folder, start);
  TELL(strcmp(readdir(folder)->d_name, path));
  TELL(closedir(folder));
}

static void times(void) {
  puts("# times");
  put("t", "timed");
  struct timespec both[2] = {{12, 34}, {56, 78}};
  struct stat it;
  TELL(utimensat(AT_FDCWD, "t", both, 0));
  TELL(stat("t", &it));
  TELL(it.st_atim.tv_sec);
  TELL(it.st_atim.tv_nsec);
  TELL(it.st_mtim.tv_sec);
  TELL(it.st_mtim.tv_nsec);
  both[0].tv_nsec = UTIME_OMIT;
  both[1].tv_sec = 99;
  int fd = open("t", O_WRONLY);
  TELL(futimens(fd, both));
  TELL(fstat(fd, &it));
  TELL(it.st_atim.tv_sec);
  TELL(it.st_mtim.tv_sec);
  TELL(write(fd, "T", 1));
  TELL(fstat(fd, &it));
  TELL(it.st_mtim.tv_sec > 1000000);
  TELL(close(fd));
  TELL(utimensat(AT_FDCWD, "none", both, 0));
  TELL(symlink("t", "to-t"));
  TELL(utimensat(AT_FDCWD, "to-t", both, AT_SYMLINK_NOFOLLOW));
  TELL(stat("to-t", &it));
  TELL(it.st_mtim.tv_sec > 1000000);
}

static void streams(void) {
  puts("# streams");
  char bytes[64];
  TELL(isatty(0) == 0 && isatty(1) == 0 && isatty(2) == 0);
  TELL(lseek(0, 0, SEEK_CUR));
  struct pollfd ready = {0, POLLIN, 0};
  TELL(poll(&ready, 1, -1));
  TELL((ready.revents & POLLIN) != 0);
  TELL(fgets(bytes, sizeof bytes, stdin) != NULL);
  printf("%s", bytes);
  TELL(fread(bytes, 1, sizeof bytes, stdin));
  TELL(feof(stdin) != 0);
  TELL(read(0, bytes, 1));
  TELL(pwrite(1, "x", 1, 0));
  TELL(ftruncate(1, 0));
  TELL(close(0));
  int fd = open("t", O_RDONLY);
  TELL(fd);
  TELL(write(fd, "x", 1));
  fprintf(stderr, "%d steps\n", step);
}

int main(void) {
  symlinks();
  paths();
  positions();
  appending();
  numbers();
  names();
  listing();
  times();
  streams();
  return 42;
}

/*
 * Counts words: a guest of `caos_abi_v1` in plain C, with the C library's malloc, strings and stdio.
 *
 * As a worker it takes `in` (a blob, or a tree as a fold's visitor sees it) and, from a fold, `children` (a tree of results of its own, by name). Its result is
 * a blob: the count in decimal, and a newline. A tree counts what its children count; a blob counts its own words, which are what white space separates.
 * It prints what it counted, so that the line is in the log.
 */
#include <ctype.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

__attribute__((import_module("caos_abi_v1"), import_name("call"))) int32_t caos_call(const char *request, int32_t length);
__attribute__((import_module("caos_abi_v1"), import_name("read"))) void caos_read(char *answer);

#define OID_DIGITS 40

/* A trap's message is the last line that was printed. */
static void fail(const char *why) {
  fflush(stdout);
  fprintf(stderr, "word-count: %s\n", why);
  __builtin_trap();
}

static void *must(void *memory) {
  if (memory == NULL) fail("out of memory");
  return memory;
}

/* Makes a call. The answer is the caller's to free; an error of the host ends the guest. */
static char *ask(const char *request) {
  int32_t length = caos_call(request, (int32_t)strlen(request));
  char *answer = must(malloc((size_t)length + 1));
  caos_read(answer);
  answer[length] = '\0';
  if (strncmp(answer, "{\"error\":", 9) == 0) fail(answer);
  return answer;
}

static char *ask_about(const char *op, const char *oid) {
  char request[128];
  snprintf(request, sizeof request, "{\"op\":\"%s\",\"hash\":\"%s\"}", op, oid);
  return ask(request);
}

/* Copies the text that stands behind `key` (as `"key":"`), which has no escapes in it, such as an oid or a kind. */
static void text_behind(const char *json, const char *key, char *text, size_t size) {
  const char *start = strstr(json, key);
  if (start == NULL) fail("an answer has another shape");
  start += strlen(key);
  size_t length = strcspn(start, "\"");
  if (length >= size) fail("an answer has another shape");
  memcpy(text, start, length);
  text[length] = '\0';
}

static int sextet(char digit) {
  static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  const char *found = digit == '\0' ? NULL : strchr(alphabet, digit);
  return found == NULL ? -1 : (int)(found - alphabet);
}

/* Decodes in place; returns the number of bytes. */
static size_t decode(char *text) {
  size_t bytes = 0;
  uint32_t bits = 0;
  int held = 0;
  for (const char *at = text; sextet(*at) >= 0; at++) {
    bits = bits << 6 | (uint32_t)sextet(*at);
    held += 6;
    if (held >= 8) {
      held -= 8;
      text[bytes++] = (char)(bits >> held & 0xff);
    }
  }
  return bytes;
}

static void encode(const char *bytes, size_t count, char *text) {
  static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  for (size_t at = 0; at < count; at += 3) {
    uint32_t bits = 0;
    for (size_t each = 0; each < 3; each++) bits = bits << 8 | (at + each < count ? (uint8_t)bytes[at + each] : 0);
    for (int shift = 18; shift >= 0; shift -= 6) *text++ = alphabet[bits >> shift & 63];
    if (at + 1 >= count) text[-2] = '=';
    if (at + 2 >= count) text[-1] = '=';
  }
  *text = '\0';
}

/* A blob's bytes with a NUL behind them, which is not counted. The caller's to free. */
static char *blob(const char *oid, size_t *count) {
  char *answer = ask_about("get", oid);
  char *text = strchr(answer, ':');
  if (text == NULL) fail("an answer has another shape");
  text += 2;
  *count = decode(text);
  memmove(answer, text, *count);
  answer[*count] = '\0';
  return answer;
}

static unsigned long words_of(const char *oid) {
  size_t count;
  char *bytes = blob(oid, &count);
  unsigned long words = 0;
  int inside = 0;
  for (size_t at = 0; at < count; at++) {
    int space = isspace((unsigned char)bytes[at]);
    if (!space && !inside) words++;
    inside = !space;
  }
  free(bytes);
  return words;
}

struct entry {
  char oid[OID_DIGITS + 1];
  char kind[8];
  int found;
};

/* The entry of that name, which has no characters that JSON escapes. */
static struct entry entry_of(const char *listing, const char *name) {
  char key[64];
  struct entry entry = {.found = 0};
  snprintf(key, sizeof key, "{\"name\":\"%s\",\"kind\":\"", name);
  const char *at = strstr(listing, key);
  if (at == NULL) return entry;
  entry.found = 1;
  text_behind(at, "\"kind\":\"", entry.kind, sizeof entry.kind);
  text_behind(at, "\"hash\":\"", entry.oid, sizeof entry.oid);
  return entry;
}

/* The sum of what the entries of a tree hold, each a count as this program gives it. Names are not looked at, so any will do. */
static unsigned long sum_of(const char *oid, unsigned long *parts) {
  /* A quote inside of a name is escaped, so this text can't be part of one. */
  static const char key[] = "\",\"kind\":\"blob\",\"hash\":\"";
  char *listing = ask_about("tree", oid);
  unsigned long sum = 0;
  for (const char *at = listing; (at = strstr(at, key)) != NULL; at += strlen(key)) {
    char child[OID_DIGITS + 1];
    size_t count;
    text_behind(at, "\"hash\":\"", child, sizeof child);
    char *text = blob(child, &count);
    size_t digits = strspn(text, "0123456789");
    if (digits == 0 || digits + 1 != count || text[digits] != '\n') fail("a child's result is no count");
    /* Not strtoul: it needs a multiplication that Debian's toolchain has no function for. */
    unsigned long part = 0;
    for (size_t digit = 0; digit < digits; digit++) part = part * 10 + (unsigned long)(text[digit] - '0');
    sum += part;
    free(text);
    ++*parts;
  }
  free(listing);
  return sum;
}

static void give(unsigned long words) {
  char text[32], encoded[64], request[160], hash[OID_DIGITS + 1];
  int length = snprintf(text, sizeof text, "%lu\n", words);
  encode(text, (size_t)length, encoded);
  snprintf(request, sizeof request, "{\"op\":\"put_blob\",\"bytes_b64\":\"%s\"}", encoded);
  char *answer = ask(request);
  text_behind(answer, "\"hash\":\"", hash, sizeof hash);
  free(answer);
  snprintf(request, sizeof request, "{\"op\":\"out\",\"kind\":\"blob\",\"hash\":\"%s\"}", hash);
  free(ask(request));
}

__attribute__((export_name("caos_run"))) void caos_run(void) {
  char args[OID_DIGITS + 1];
  char *job = ask("{\"op\":\"job\"}");
  text_behind(job, "\"args\":\"", args, sizeof args);
  free(job);

  char *listing = ask_about("tree", args);
  struct entry in = entry_of(listing, "in");
  struct entry children = entry_of(listing, "children");
  free(listing);
  if (!in.found) fail("there is no argument `in`");

  unsigned long words, parts = 0;
  if (strcmp(in.kind, "blob") == 0) {
    words = words_of(in.oid);
    printf("%lu words in a blob\n", words);
  } else {
    words = children.found ? sum_of(children.oid, &parts) : 0;
    printf("%lu words in a tree of %lu\n", words, parts);
  }
  give(words);
}

/**
 * Guests that assert what commands may rely on over many calls of preview 1, each by its name as the second argument. The exit status is 0, or the number of the first assertion that does not hold.
 * What is asserted is what Linux does.
 */
import * as wasi from "./wasi_snapshot_preview1";
import {
  Listing,
  Poll,
  append,
  badf,
  both,
  close,
  content,
  create,
  enter,
  equal,
  exclusive,
  exist,
  given,
  holds,
  inval,
  isPreopened,
  isdir,
  link,
  loop,
  makeFolder,
  noent,
  notdir,
  notempty,
  now,
  open,
  put,
  read,
  readAt,
  readLink,
  readParts,
  reading,
  removeFolder,
  rename,
  renumber,
  resize,
  root,
  same,
  seek,
  stat,
  success,
  symlink,
  tell,
  truncate,
  unlink,
  write,
  writeAt,
} from "./calls";

export function _start(): void {
  const name = given();
  if (name == "listing") listing();
  else if (name == "renaming") renaming();
  else if (name == "appending") appending();
  else if (name == "truncating") truncating();
  else if (name == "symlinks") symlinks();
  else if (name == "polling") polling();
  else if (name == "renumbering") renumbering();
  else if (name == "unlinking") unlinking();
  else if (name == "linking") linking();
  else if (name == "positions") positions();
  else if (name == "folders") folders();
  else wasi.proc_exit(255);
}

/** Every name that is there throughout is listed once, whatever comes and goes in between. */
function listing(): void {
  equal(makeFolder("many"), success);
  for (let each = 100; each < 140; each++) put(`many/${each}`, "");
  const fd = enter("many");
  const seen: string[] = [];
  let cookie: u64 = 0;
  for (let turn = 0; ; turn++) {
    const part = new Listing(fd, 100, cookie);
    holds(part.isEnd || part.names.length > 0);
    for (let each = 0; each < part.names.length; each++) seen.push(part.names[each]);
    cookie = part.cookie;
    if (part.isEnd) break;
    // One comes, one that was listed goes, one that comes later goes.
    put(`many/new${turn}`, "");
    if (turn < 5) {
      equal(unlink(`many/${100 + turn}`), success);
      equal(unlink(`many/${139 - turn}`), success);
    }
  }
  for (let each = 105; each < 135; each++) {
    let times = 0;
    for (let at = 0; at < seen.length; at++) if (seen[at] == each.toString()) times++;
    if (times != 1) holds(false);
  }
  same(seen[0], ".");
  same(seen[1], "..");
  // A cookie from the midst says the same again, and one beyond the end nothing.
  const again = new Listing(fd, 4096, 2);
  same(again.names[0], seen[2]);
  equal(new Listing(fd, 4096, 100000).names.length, 0);
  // From the start it is what is there now.
  const fresh = new Listing(fd, 8192, 0);
  holds(fresh.isEnd);
  holds(!fresh.names.includes("100"));
  holds(fresh.names.includes("new0"));
  // Too little room for one entry is no end.
  const cut = new Listing(fd, 20, 0);
  holds(!cut.isEnd);
  equal(cut.names.length, 0);
}

/** A descriptor stays with what it opened. */
function renaming(): void {
  put("a", "old a");
  put("b", "old b");
  const a = open("a");
  const b = open("b");
  equal(write(a, "NEW"), 3);
  equal(rename("a", "b"), success);
  same(content("a"), `!${noent}`);
  same(content("b"), "NEW a");
  same(read(b, 10), "old b");
  equal(stat.opened(b), success);
  equal(stat.links(), 0);
  equal(write(b, "+"), 1);
  same(readAt(b, 10, 0), "old b+");
  equal(write(a, "-"), 1);
  same(content("b"), "NEW-a");
  equal(makeFolder("d"), success);
  equal(rename("b", "d/c"), success);
  equal(write(a, "!"), 1);
  same(content("d/c"), "NEW-!");
  // Onto itself it does nothing; a folder is no place for a file.
  equal(rename("d/c", "d/../d/c"), success);
  equal(rename("d/c", "d"), notempty);
  equal(makeFolder("e"), success);
  equal(rename("d/c", "e"), isdir);
  equal(rename("e", "d/c"), notdir);
  equal(rename("none", "d/c"), noent);
  // What was there before another name came has its inode.
  equal(stat.opened(a), success);
  const inode = stat.inode();
  equal(stat.path("d/c"), success);
  equal(stat.inode(), inode);
}

/** Each write goes to the end as it is then. */
function appending(): void {
  put("log", "0");
  const one = open("log", 0, both, append);
  const two = open("log", 0, both, append);
  const plain = open("log");
  equal(write(one, "1"), 1);
  equal(write(two, "2"), 1);
  equal(tell(one), 2);
  equal(tell(two), 3);
  equal(write(one, "3"), 1);
  equal(write(plain, "x"), 1);
  same(content("log"), "x123");
  equal(writeAt(one, "4", 0), 1);
  same(content("log"), "x1234");
  equal(seek(two, 0, 0), 0);
  same(read(two, 2), "x1");
  equal(write(two, "5"), 1);
  equal(tell(two), 6);
  same(read(two, 2), "");
  equal(resize(plain, 1), success);
  equal(write(one, "end"), 3);
  same(content("log"), "xend");
  equal(write(one, ""), 0);
  equal(unlink("log"), success);
  equal(write(two, "!"), 1);
  same(readAt(one, 10, 0), "xend!");
}

/** What is cut off never comes back; gaps are zeros. */
function truncating(): void {
  const fd = open("f", create);
  const other = open("f");
  equal(write(fd, "abcdef"), 6);
  equal(resize(fd, 10), success);
  same(content("f"), "abcdef....");
  equal(resize(fd, 3), success);
  equal(resize(fd, 6), success);
  same(content("f"), "abc...");
  equal(writeAt(fd, "z", 9), 1);
  same(content("f"), "abc......z");
  equal(resize(fd, 8), success);
  equal(resize(fd, 10), success);
  same(content("f"), "abc.......");
  // The position stays behind the end, and a write there leaves a gap.
  equal(tell(fd), 6);
  equal(resize(other, 2), success);
  same(read(fd, 4), "");
  equal(write(fd, "y"), 1);
  same(content("f"), "ab....y");
  equal(seek(other, 9, 0), 9);
  same(read(other, 4), "");
  equal(write(other, "w"), 1);
  same(content("f"), "ab....y..w");
  close(open("f", truncate));
  same(content("f"), "");
  equal(seek(other, 0, 1), 10);
  equal(write(other, "v"), 1);
  equal(stat.opened(fd), success);
  equal(stat.size(), 11);
  same(content("f"), "..........v");
  const readOnly = open("f", 0, reading);
  equal(resize(readOnly, 0), inval);
  equal(write(readOnly, "u"), -badf);
}

function symlinks(): void {
  put("end", "found");
  equal(symlink("end", "l1"), success);
  for (let each = 2; each <= 41; each++) equal(symlink(`l${each - 1}`, `l${each}`), success);
  same(content("l40"), "found");
  same(content("l41"), `!${loop}`);
  equal(stat.path("l41"), loop);
  equal(stat.path("l41", 0), success);
  equal(stat.type(), 7);
  equal(stat.size(), 3);
  same(readLink("l41"), "l40");
  same(readLink("l41", 2), "l4");
  same(readLink("end"), `!${inval}`);
  equal(symlink("self", "self"), success);
  same(content("self"), `!${loop}`);
  // In the midst of a path; from where the link stands, or from the root.
  equal(makeFolder("d"), success);
  equal(makeFolder("d/e"), success);
  put("d/e/x", "deep");
  equal(symlink("e", "d/rel"), success);
  equal(symlink("/d/e", "d/abs"), success);
  equal(symlink("../../../../d", "d/e/up"), success);
  same(content("d/rel/x"), "deep");
  same(content("d/abs/up/rel/x"), "deep");
  same(content("d/rel/../e/x"), "deep");
  equal(stat.path("d/rel/", 0), success);
  equal(stat.type(), 3);
  equal(stat.path("l1/"), notdir);
  // What is made through a dangling one is made where it points; exclusively nothing is.
  equal(symlink("d/made", "dangling"), success);
  equal(open("dangling", create | exclusive), -exist);
  const fd = open("dangling", create);
  holds(fd >= 0);
  equal(write(fd, "new"), 3);
  same(content("d/made"), "new");
  equal(open("l1", 0, both, 0, root, 0), -loop);
  equal(makeFolder("dangling"), exist);
  // Removing and renaming mean the link.
  equal(rename("dangling", "moved"), success);
  same(readLink("moved"), "d/made");
  equal(unlink("moved"), success);
  same(content("d/made"), "new");
  equal(unlink("d/rel/"), notdir);
  equal(removeFolder("d/rel"), notdir);
}

function polling(): void {
  put("f", "12345");
  const fd = open("f");
  same(read(fd, 2), "12");
  // What is ready comes before any clock, in the order of the subscriptions.
  const before = now(1);
  const ready = new Poll()
    .clock(1, 1000000000, false, 10)
    .descriptor(fd, false, 11)
    .descriptor(1, true, 12)
    .descriptor(99, false, 13);
  equal(ready.wait(), success);
  equal(ready.fired, 3);
  equal(ready.userdata(0), 11);
  equal(ready.bytes(0), 3);
  equal(ready.type(0), 1);
  equal(ready.userdata(1), 12);
  equal(ready.type(1), 2);
  equal(ready.userdata(2), 13);
  equal(ready.errno(2), badf);
  holds(now(1) - before < 1000000000);
  // Of clocks alone the earliest fires, and its time has come.
  const start = now(1);
  const clocks = new Poll()
    .clock(1, 5000000000, false, 1)
    .clock(1, 2000000000, false, 2)
    .clock(0, 9000000000, false, 3);
  equal(clocks.wait(), success);
  equal(clocks.fired, 1);
  equal(clocks.userdata(0), 2);
  equal(clocks.type(0), 0);
  holds(now(1) - start >= 2000000000);
  holds(now(1) - start < 5000000000);
  // Two at the same time fire both; a time that is past fires at once.
  const two = new Poll().clock(1, 1000, false, 4).clock(1, 1000, false, 5);
  equal(two.wait(), success);
  equal(two.fired, 2);
  equal(two.userdata(1), 5);
  const past = new Poll().clock(1, 0, true, 6).clock(1, 1000000000000, false, 7);
  const at = now(1);
  equal(past.wait(), success);
  equal(past.fired, 1);
  equal(past.userdata(0), 6);
  holds(now(1) - at < 1000000);
  // A clock that is none is told of.
  const odd = new Poll().clock(77, 1, false, 8);
  equal(odd.wait(), success);
  equal(odd.errno(0), inval);
  equal(new Poll().wait(), inval);
}

function renumbering(): void {
  put("a", "aaa");
  put("b", "bbb");
  const a = open("a");
  const b = open("b");
  equal(b, a + 1);
  same(read(a, 1), "a");
  equal(unlink("b"), success);
  equal(renumber(a, b), success);
  // The number that was left is free, the other one has what was moved, with its position.
  equal(tell(a), -badf);
  equal(close(a), badf);
  same(read(b, 5), "aa");
  equal(open("a"), a);
  equal(tell(a), 0);
  equal(renumber(b, b), success);
  same(readAt(b, 5, 0), "aaa");
  equal(renumber(b, 99), badf);
  equal(renumber(99, b), badf);
  same(readAt(b, 5, 0), "aaa");
  // Standard output onto a file, and away.
  const out = open("out", create);
  equal(renumber(out, 1), success);
  equal(write(1, "said"), 4);
  equal(stat.opened(1), success);
  equal(stat.type(), 4);
  same(content("out"), "said");
  // A preopen moves as any other does.
  const folder = enter("/");
  equal(renumber(root, folder), success);
  holds(isPreopened(folder));
  holds(!isPreopened(root));
  equal(stat.path("a"), badf);
  equal(stat.path("a", 1, folder), success);
}

function unlinking(): void {
  put("f", "before");
  const fd = open("f");
  equal(stat.opened(fd), success);
  const inode = stat.inode();
  equal(stat.links(), 1);
  equal(unlink("f"), success);
  equal(unlink("f"), noent);
  equal(stat.opened(fd), success);
  equal(stat.links(), 0);
  put("f", "after");
  equal(stat.path("f"), success);
  holds(stat.inode() != inode);
  same(read(fd, 10), "before");
  equal(write(fd, "+"), 1);
  same(readAt(fd, 10, 0), "before+");
  same(content("f"), "after");
  // A folder that is gone is empty, and nothing comes into it.
  equal(makeFolder("d"), success);
  const gone = enter("d");
  equal(unlink("d"), isdir);
  equal(removeFolder("d"), success);
  equal(open("x", create, both, 0, gone), -noent);
  equal(makeFolder("x", gone), noent);
  equal(stat.path(".", 1, gone), success);
  equal(stat.type(), 3);
  // Its parent is still above it.
  equal(stat.path("../f", 1, gone), success);
  equal(makeFolder("d"), success);
  put("d/x", "");
  equal(removeFolder("d"), notempty);
  equal(stat.path("x", 1, gone), noent);
  equal(removeFolder("d/."), inval);
}

function linking(): void {
  put("a", "one");
  equal(link("a", "b"), success);
  equal(stat.path("a"), success);
  const inode = stat.inode();
  equal(stat.links(), 2);
  equal(stat.path("b"), success);
  equal(stat.inode(), inode);
  const fd = open("b", 0, both, append);
  equal(write(fd, "+"), 1);
  same(content("a"), "one+");
  equal(rename("a", "b"), success);
  same(content("a"), "one+");
  equal(unlink("a"), success);
  equal(stat.opened(fd), success);
  equal(stat.links(), 1);
  same(content("b"), "one+");
  equal(link("b", "b"), exist);
  equal(link("none", "c"), noent);
  equal(symlink("b", "s"), success);
  equal(link("s", "t"), success);
  same(readLink("t"), "b");
  equal(link("s", "u", 1), success);
  same(readLink("u"), `!${inval}`);
  put("b", "two");
  same(content("u"), "two");
}

function positions(): void {
  put("f", "0123456789");
  const one = open("f");
  const two = open("f");
  same(read(one, 3), "012");
  same(read(two, 2), "01");
  same(readAt(one, 2, 8), "89");
  equal(tell(one), 3);
  equal(writeAt(two, "x", 3), 1);
  equal(tell(two), 2);
  same(read(one, 2), "x4");
  equal(seek(one, -4, 2), 6);
  equal(seek(one, 2, 1), 8);
  equal(seek(one, -9, 1), -inval);
  equal(tell(one), 8);
  equal(seek(one, 0, 3), -inval);
  same(readParts(one, [1, 0, 3, 2]), "2:8||9..|..");
  equal(tell(one), 10);
  same(readParts(one, [4]), "0:....");
  equal(seek(one, 3, 2), 13);
  equal(stat.opened(one), success);
  equal(stat.size(), 10);
  equal(write(one, "!"), 1);
  same(content("f"), "012x456789...!");
  same(readAt(one, 5, 100), "");
  equal(write(one, ""), 0);
  equal(stat.opened(one), success);
  equal(stat.size(), 14);
}

function folders(): void {
  equal(makeFolder("a"), success);
  equal(makeFolder("a/b"), success);
  put("a/b/f", "1");
  const b = enter("a/b");
  equal(rename("a", "a/b/c"), inval);
  equal(rename("a/b", "a"), notempty);
  equal(makeFolder("other"), success);
  equal(rename("a/b", "other"), success);
  // What has it open goes along, and finds its new parent.
  same(content("other/f"), "1");
  equal(stat.path("f", 1, b), success);
  equal(stat.path("../other/f", 1, b), success);
  const made = open("g", create, both, 0, b);
  holds(made >= 0);
  same(content("other/g"), "");
  equal(rename("g", "g", b, root), success);
  same(content("g"), "");
  equal(rename("other", "a"), success);
  equal(stat.path("../a/f", 1, b), success);
  equal(rename("a", "missing/x"), noent);
  equal(rename("a/", "z/"), success);
  equal(makeFolder("z"), exist);
  equal(makeFolder("z/f"), exist);
  equal(makeFolder("z/f/x"), notdir);
  equal(makeFolder("y/"), success);
  equal(removeFolder("y/"), success);
  equal(removeFolder("z/f"), notdir);
  equal(removeFolder("z/.."), notempty);
  equal(open("z", 0, both), -isdir);
}

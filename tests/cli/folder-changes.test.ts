/** Which watches are opened and which events count; the watches and the clock are the test's own, the folders are real. */
import { mkdirSync, mkdtempSync, realpathSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { FolderChanges, pollMs, watchFolder, type WatchFolder, type Watchable } from "../../src/cli/folder-changes.ts";

const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const clean of cleanups.splice(0)) clean();
});

function folderWith(...folders: readonly string[]): string {
  const root = realpathSync(mkdtempSync(join(tmpdir(), "coppice-changes-")));
  cleanups.push(() => rmSync(root, { recursive: true, force: true }));
  for (const folder of folders) mkdirSync(join(root, folder), { recursive: true });
  return root;
}

/** A source over watches that the test tells events by. */
class Scene {
  readonly opened = new Map<string, { readonly recursive: boolean } & Tell>();
  readonly opens: string[] = [];
  readonly said: string[] = [];
  readonly timers = new Map<() => void, number>();
  watchable: Watchable = { places: [], locks: [], isAll: true };
  told = 0;
  /** What the system says to whoever wants more watches than these. */
  refusal: { readonly from: number; readonly code: string } | undefined;
  readonly source: FolderChanges;

  constructor(platform: NodeJS.Platform = "linux", isPolling = false) {
    const open: WatchFolder = (folder, { recursive }, onChange, onError) => {
      if (this.refusal !== undefined && this.opened.size >= this.refusal.from) {
        throw Object.assign(new Error("refused"), { code: this.refusal.code });
      }
      this.opens.push(folder);
      this.opened.set(folder, { recursive, onChange, onError });
      return { close: () => void this.opened.delete(folder) };
    };
    this.source = new FolderChanges({
      watchable: () => Promise.resolve(this.watchable),
      clock: {
        nowMs: () => 0,
        after: (ms, call) => {
          this.timers.set(call, ms);
          return () => void this.timers.delete(call);
        },
      },
      platform,
      isPolling,
      onPolling: (reason) => this.said.push(reason),
      watchFolder: open,
    });
    cleanups.push(() => this.source.close());
  }

  /** Names that matter, by folder. */
  async want(places: Readonly<Record<string, readonly string[] | undefined>>, isAll = true): Promise<void> {
    this.watchable = {
      places: Object.entries(places).map(([folder, names]) => ({ folder, names: names && new Set(names) })),
      locks: [],
      isAll,
    };
    await this.renew();
  }

  renew(): Promise<void> {
    return this.source.renew(() => this.told++);
  }

  event(folder: string, event: "rename" | "change", name: string | undefined): number {
    this.opened.get(folder)?.onChange(event, name);
    const { told } = this;
    this.told = 0;
    return told;
  }

  get folders(): string[] {
    return [...this.opened.keys()].toSorted();
  }
}
interface Tell {
  readonly onChange: (event: "rename" | "change", name: string | undefined) => void;
  readonly onError: (error: Error) => void;
}

describe("a system that watches folders", () => {
  it("is asked for the folders that matter, once, and tells of the names that matter in them", async () => {
    const root = folderWith("src", "node_modules");
    const src = join(root, "src");
    const scene = new Scene();
    await scene.want({ [root]: ["src", "a"], [src]: ["b"] });
    await scene.want({ [root]: ["src", "a"], [src]: ["b", "c"] });
    expect(scene.opens).toEqual([root, src]);
    expect([...scene.opened.values()].map(({ recursive }) => recursive)).toEqual([false, false]);
    expect(scene.event(root, "change", "a")).toBe(1);
    expect(scene.event(root, "rename", "a.swp")).toBe(0);
    expect(scene.event(root, "change", "node_modules")).toBe(0);
    expect(scene.event(src, "rename", "c")).toBe(1);
    expect(scene.event(src, "change", "a")).toBe(0);
    expect(scene.event(src, "change", undefined)).toBe(1);
    expect(scene.timers.size).toBe(0);
    await scene.want({ [root]: undefined });
    expect(scene.folders).toEqual([root]);
    expect(scene.event(root, "change", "anything")).toBe(1);
    scene.source.close();
    expect(scene.folders).toEqual([]);
  });

  it("is asked anew for a folder that is another one by now, and for one whose watch has ended", async () => {
    const root = folderWith("src", "other");
    const src = join(root, "src");
    const scene = new Scene();
    await scene.want({ [root]: ["src"], [src]: ["b"] });
    renameSync(src, join(root, "former"));
    renameSync(join(root, "other"), src);
    await scene.renew();
    expect(scene.opens).toEqual([root, src, src]);
    expect(scene.event(src, "rename", "src")).toBe(1);
    expect(scene.folders).toEqual([root]);
    await scene.renew();
    expect(scene.folders).toEqual([root, src]);
  });

  it("waits for a folder that is gone where its own folder is watched, and else looks every second", async () => {
    const root = folderWith();
    const missing = join(root, "missing");
    const scene = new Scene();
    await scene.want({ [root]: ["missing"], [missing]: ["a"] });
    expect([scene.folders, scene.timers.size]).toEqual([[root], 0]);
    await scene.want({ [missing]: ["a"] });
    expect([scene.folders, [...scene.timers.values()]]).toEqual([[], [pollMs]]);
    mkdirSync(missing);
    await scene.renew();
    expect([scene.folders, scene.timers.size]).toEqual([[missing], 0]);
  });

  it("looks every second while not all can be told, or what is to be watched is not known", async () => {
    const root = folderWith();
    const scene = new Scene();
    await scene.want({ [root]: undefined }, false);
    expect([...scene.timers.values()]).toEqual([pollMs]);
    await scene.want({ [root]: undefined }, true);
    expect(scene.timers.size).toBe(0);
    Object.defineProperty(scene, "watchable", {
      get: () => {
        throw new Error("the index is damaged");
      },
    });
    await expect(scene.renew()).rejects.toThrow("the index is damaged");
    expect([scene.folders, [...scene.timers.values()]]).toEqual([[root], [pollMs]]);
    for (const [call] of scene.timers) call();
    expect(scene.told).toBe(1);
  });

  for (const code of ["ENOSPC", "EMFILE"]) {
    it(`that has no more watches (${code}) is not asked again: one sentence, and a look every second`, async () => {
      const root = folderWith("a", "b");
      const scene = new Scene();
      scene.refusal = { from: 2, code };
      const places = { [root]: undefined, [join(root, "a")]: undefined, [join(root, "b")]: undefined };
      await scene.want(places);
      await scene.want(places);
      expect(scene.said).toEqual([
        "the system has no more watches to give (on Linux `sysctl fs.inotify` shows how many there are)",
      ]);
      expect([scene.folders, [...scene.timers.values()], scene.opens]).toEqual([[], [pollMs], [root, join(root, "a")]]);
    });
  }

  it("may say so later", async () => {
    const root = folderWith();
    const scene = new Scene();
    await scene.want({ [root]: undefined });
    scene.opened.get(root)?.onError(Object.assign(new Error("x"), { code: "EIO" }));
    expect(scene.said).toEqual(["the system can't watch these folders (EIO)"]);
    expect([scene.folders, [...scene.timers.values()]]).toEqual([[], [pollMs]]);
  });

  it("is not asked at all when it is to look every second", async () => {
    const root = folderWith();
    const scene = new Scene("linux", true);
    await scene.want({ [root]: undefined });
    expect([scene.folders, scene.said, [...scene.timers.values()]]).toEqual([[], [], [pollMs]]);
  });
});

describe("a system that watches trees", () => {
  it("is asked for the topmost folders, and tells of what matters below them, however it is spelled", async () => {
    const root = folderWith("repository/src/deep", "elsewhere");
    const [repository, elsewhere] = [join(root, "repository"), join(root, "elsewhere")];
    const scene = new Scene("darwin");
    await scene.want({
      [repository]: ["src", "a"],
      [join(repository, "src")]: ["deep"],
      [join(repository, "src/deep")]: ["caf\u00e9"],
      [join(repository, ".git")]: ["index"],
      [elsewhere]: undefined,
    });
    expect(scene.folders).toEqual([elsewhere, repository]);
    expect([...scene.opened.values()].map(({ recursive }) => recursive)).toEqual([true, true]);
    expect(scene.event(repository, "change", "A")).toBe(1);
    expect(scene.event(repository, "change", join("src", "deep", "cafe\u0301"))).toBe(1);
    expect(scene.event(repository, "rename", join("src", "deep"))).toBe(1);
    expect(scene.event(repository, "change", join(".git", "index"))).toBe(1);
    expect(scene.event(repository, "change", join(".git", "objects", "ab"))).toBe(0);
    expect(scene.event(repository, "change", join("node_modules", "a"))).toBe(0);
    expect(scene.event(repository, "change", "b")).toBe(0);
    expect(scene.event(elsewhere, "change", "b")).toBe(1);
  });

  it("is given a moment to begin, after which one looks once more", async () => {
    const root = folderWith();
    const scene = new Scene("win32");
    await scene.want({ [root]: undefined });
    expect(scene.timers.size).toBe(1);
    for (const [call] of scene.timers) call();
    expect(scene.told).toBe(1);
    await scene.renew();
    expect(scene.timers.size).toBe(0);
  });
});

for (const recursive of [false, true]) {
  it(`node:fs tells of a write ${recursive ? "below" : "in"} a folder`, async () => {
    const root = folderWith("below");
    const file = recursive ? join("below", "file") : "file";
    await new Promise<void>((resolve, reject) => {
      const watcher = watchFolder(
        root,
        { recursive },
        (_event, name) => {
          if (name === file) resolve();
        },
        reject,
      );
      cleanups.push(() => watcher.close());
      writeFileSync(join(root, file), "x");
    });
  });
}

/**
 * Commands that Coppice knows: which file of which npm package each is, pinned by the file's SHA-256. Nothing of them is in this repository or in Coppice's package. A file of another digest is not
 * used, whatever its package says.
 *
 * What is left out: stubs that only say that they are not there (chown, df, id, ...), what starts processes (env, nice, nohup, stdbuf, timeout, xargs, and the packages' own shell, for which there is the worker `sh`), what tells of a machine
 * (arch, nproc, uname, whoami), and what has no use without a terminal (more).
 *
 * Licences: the packages are Apache-2.0. As far as names in the modules show, they hold: uutils' coreutils (`uu_*`, MIT), the crates regex, aho-corasick and memchr (MIT or Unlicense),
 * miniz_oxide (MIT or Apache-2.0), clap, fluent and hashbrown (MIT or Apache-2.0), ICU4X (Unicode-3.0); the rest of them, gzip and column among it, is the packages' own. LLVM is Apache-2.0 with
 * LLVM exceptions; its package is ISC, and its resources hold wasi-libc (MIT, Apache-2.0 with LLVM exceptions, BSD) and libc++ (as LLVM).
 */
import type { CommandLimits } from "../engine.ts";

/** An npm package that commands come from. */
export interface ToolPackage {
  readonly name: string;
  readonly version: string;
}

/** A file, pinned. */
export interface PinnedFile {
  readonly package: ToolPackage;
  /** From the package's folder. */
  readonly file: string;
  /** An absolute path in it, where that file is a container (package-container.ts). */
  readonly within?: string;
  /** Of the file, or of the one in the container; lower-case hex digits. */
  readonly sha256: string;
}

export interface KnownTool extends PinnedFile {
  /** Other limits than the defaults. */
  readonly limits?: Partial<CommandLimits>;
  /** A tar archive that the command wants to find as a folder of that name at the tree's root. */
  readonly overlay?: PinnedFile & { readonly at: string };
}

const version = "0.0.260331072558";
const coreutils: ToolPackage = { name: "@agentos-software/coreutils", version: "0.3.4" };
const gzip: ToolPackage = { name: "@rivet-dev/agent-os-gzip", version };
/** 101 MB, so no dependency, not even an optional one: it is used where somebody has installed it. */
const clang: ToolPackage = { name: "@yowasp/clang", version: "22.0.0-git20542-10" };

/** One file a command. */
function files(from: ToolPackage, digests: Readonly<Record<string, string>>): Readonly<Record<string, KnownTool>> {
  return Object.fromEntries(
    Object.entries(digests).map(([name, sha256]) => [name, { package: from, file: `wasm/${name}`, sha256 }]),
  );
}

/** One file a command, all in one container. */
function contained(from: ToolPackage, digests: Readonly<Record<string, string>>): Readonly<Record<string, KnownTool>> {
  return Object.fromEntries(
    Object.entries(digests).map(([name, sha256]) => [
      name,
      { package: from, file: "dist/package.aospkg", within: `/bin/${name}`, sha256 },
    ]),
  );
}

/** One file that is several commands, by the name that it is called by. */
function names(tool: KnownTool, ...of: readonly string[]): Readonly<Record<string, KnownTool>> {
  return Object.fromEntries(of.map((name) => [name, tool]));
}

const llvm: KnownTool = {
  package: clang,
  file: "gen/llvm.core.wasm",
  sha256: "24fbed474c7b5b4968fd73fc4827440b93fb351c1b6264516130300eff3e7bf5",
  limits: {},
  overlay: {
    at: "usr",
    package: clang,
    file: "gen/llvm-resources.tar",
    sha256: "79eef0c336fe55cf03ff8f5b42b784c8168f929a3603138b2c6301f4601e4c86",
  },
};

/** A script of Coppice's own package: commands made of just-bash (workers/shell/just-bash.ts), and its own ones (workers/commands). */
export type ScriptName = "just-bash" | "commands";

/** Commands that are scripts of Coppice's own package, by the script: the WebAssembly modules of these names know no `grep -r`, `find -size`, `sed -i`, `jq FILE`, `diff -r` or `sort -c`, and that of awk runs BEGIN and END once a file. */
export const scriptTools: ReadonlyMap<string, ScriptName> = new Map<string, ScriptName>([
  ["awk", "commands"],
  ["diff", "commands"],
  ["du", "commands"],
  ["egrep", "commands"],
  ["expr", "commands"],
  ["fgrep", "commands"],
  ["find", "commands"],
  ["grep", "commands"],
  ["jq", "just-bash"],
  ["rg", "just-bash"],
  ["hd", "commands"],
  ["hexdump", "commands"],
  ["link", "commands"],
  ["ln", "commands"],
  ["patch", "commands"],
  ["sed", "commands"],
  ["sort", "commands"],
  ["tac", "commands"],
  ["tar", "commands"],
  ["xxd", "commands"],
]);

const grep: ToolPackage = { name: "@rivet-dev/agent-os-grep", version };
const sed: ToolPackage = { name: "@rivet-dev/agent-os-sed", version };
const findutils: ToolPackage = { name: "@rivet-dev/agent-os-findutils", version };

/** The WebAssembly modules of some of them: two to ten times as fast, for the calls that they answer as the native commands do (plain-call.ts), where their packages are installed. */
export const plainTools: Readonly<Record<string, KnownTool>> = {
  ...contained(coreutils, {
    sort: "ea1e9b74bc44f4ad7bfba4b57a90d1ab015d87b23543723ce4b481c05cfaf1b2",
  }),
  ...files(grep, {
    grep: "34eafe6eaf61bfdc2f41f489f1fac8fff3d3bbc28d96d756a52e35fa57b9ae51",
    egrep: "34eafe6eaf61bfdc2f41f489f1fac8fff3d3bbc28d96d756a52e35fa57b9ae51",
    fgrep: "34eafe6eaf61bfdc2f41f489f1fac8fff3d3bbc28d96d756a52e35fa57b9ae51",
  }),
  ...files(sed, {
    sed: "2c6616aa75db578ed8b9c4c1641f55041d54cd777fe960c0f8b24003d747c722",
  }),
  ...files(findutils, {
    find: "4ea67ec8e8182dd4523715c2969440d2dfdf6c1d3ae07b013cd6876cae0b2ee8",
  }),
};

/** What the shell is called by. */
export const shellNames: ReadonlySet<string> = new Set(["bash", "sh"]);

/** By the name of the command. */
export const knownTools: Readonly<Record<string, KnownTool>> = {
  ...contained(coreutils, {
    "[": "b287a2897af02b90d61fc5c994bf8a0a0572251d94993a8c5542a3bda6189a97",
    b2sum: "80902bf5f5afb8e7e18d4006049fb5a926d604ef6d7027ecd1df92e79ff02aae",
    base32: "471c867a7c3f0d87312ce610f54eaa16e970c80e07407f025d03c6eee7a5bfc1",
    base64: "16b40065c298dc166a4b52bdaf52311125aa554050e9b40c28c1c84efd8dac5d",
    basename: "c0f29c170c688a1e1423217ac212d70c2b66de7d1a5b2e1320bb6ee76ffc8c5e",
    basenc: "522ce09c98a6ef37219b4d6a1540e0d231dd74834ba3ae21dc9328f7dbc4e5f0",
    bc: "614288d3c6ee540ab81e04a5055c2b8cb2d80a2a91dc80608163c18273989b8d",
    cat: "ae8fbe60a2da81bad4ab78f89d1ad9696cd43f66752bc92886bb870b4917ae2d",
    chmod: "508ba6c206e12f1c88e3fddd6ab943935716e22fd4b9552f18184de84446faa4",
    cksum: "fc4af2bf15bad3c92cec6eedafb2682c48fa263f976906012081d048cdc5249e",
    cmp: "91901faf6e3431ddadc49d6bcc73c08f25c80aaf4052933c50bb5c421e0dacbc",
    column: "b857c0979c81d3167b2a753cb0d95212f3851a8d3bfd39edaa868425b8419c22",
    comm: "6adf68f571422e32246499fbba0a5c84b18f62636e23dcebf64bdc7af8d91a6b",
    cp: "862c5f4422e410276233e8227350098bab0de810214bad7c56bdd083fc07f484",
    cut: "73d742fde466958d8d9c552c9a51978a2533e5c2be244dec03df9fa13d033c4c",
    date: "b8e2432dcc6883601446603fdcbd0f9fdff3d0852cd34f506e8885ff2a69147a",
    dd: "7fca1ff4de040459bfaa76298bb04294f4f7965bee92e068fe74ff23a9c91ca6",
    dir: "1bd6de25dac7ef3b21e9fc2a064ba5bb4e6a3a380834df955d73a00cbc749d97",
    dircolors: "85c6018a190e9f188be9922eff3f91e49a7602d1d8a293a8243121b9e45e37f5",
    dirname: "339fcb8ce4e8576dcae80226c680e68bf466af8e657a42d7e6f6837e1838c226",
    echo: "a5173428a69aa7270c6ddac97d27b6f3ac521d57d3f05c1b6a1fa82eab1016b7",
    expand: "0b87b3bb8340517a2f3c4b7898521079172d063f2b754f6849ad3f833b017de8",
    factor: "a9ea629590b803fca167b790d65c981ddc35e3ea0510ab841a29850777f809b1",
    false: "d5dc1fd62d353fdaa5796f6553038599e6a17bf13dd56142d80302bfbf49a617",
    fmt: "41770ad8c9d989f4d61ab4210c6cd59eb9bc8b0983ffd5a107ce7a73cc9b5ba8",
    fold: "2d4a1d6981eae744be4c9813785173d473729166431aa6ca14292e8be50a5685",
    head: "4a82140d29ddd18f020edc5911e8216e697ba2b58b4ccb85776a5c411ea16804",
    join: "0d25f5c08389b1cfcba94837f705ee4c72edd052c02124663e54c0c5ec985455",
    ls: "1bd6de25dac7ef3b21e9fc2a064ba5bb4e6a3a380834df955d73a00cbc749d97",
    md5sum: "bea939a6983bdcb0aa43c2b0cc259fd7c3f689dd70dc27a77b05811cf7f0342f",
    mkdir: "283021a1ec15f1e7b15ffa742d3c2bf35d79000f59309d847342814ea1e9f232",
    mktemp: "7817dd5f8db37a763663865632d0561cec45dbed68f5325b164e71d44c9b638f",
    mv: "aff20a006aa9e320758bbea377c3c142f4a71462b7bce06f0390b3a5e56da1d9",
    nl: "a969b7993264df220c7c2744b3cdb96670107700bd1a016643e357f809417685",
    numfmt: "3770439cebf34058711da1c59a9d993d8414444e1aa033920ab7d7cce2608e1d",
    od: "a9907ef08682c301335635228882df05a5879cf7837b2eb56018cf41753e265e",
    paste: "61448cb51b26913f618b083978f3ec3fe98125f5d9fb5b9ece42a0c2c42f8b53",
    pathchk: "8941333582fa0a4cb7717caf13a97e670e1869c9e78226bc2cf912761b99d137",
    printenv: "14a589e0c153b4c5cc7b2bec640eb120e381c42eebc2241aeb33e6fca994bcf1",
    printf: "e776a749307e245065200730e8ea1dbe863a881aa58f2c39fbd733d4d7bfa914",
    ptx: "3abef958f5210df84ba72bd69cf27c397823aa0d2931b49f61cef88b3e833058",
    pwd: "b0ade50c6338a502ca4b9381fb28c784a15dcecbc6d9ea21d0a7f96602fe62c3",
    readlink: "01d19f8acf9c25a1fb5f26288421f64d6e5e510ae99bdd95928ffbffdd306b1a",
    realpath: "ad0483d409c1f7d295496145488973f521b00a482c1738c9ef201a59f61cd137",
    rev: "8310eb8699f4ed229f1fa2f62f3a4824d6001c1ba572057ad5287513e7a2e01d",
    rm: "4eea216fa9040212a3aa57a9aae21446262c87a676051ec45668fd72c382a28c",
    rmdir: "2aa9e58507b9251c4a695edcd39d3ec995baa5a31fadfa9e226905d003ed761b",
    seq: "4cc069e8d91799106b0d568875875aa12aa7953cee97f65e63e60bf77ee6e582",
    sha1sum: "37200020881639593dad29e594358e98e67ae1e4cab3c0d98685e50848896e7e",
    sha224sum: "7dbe46077f6874b0f49e3a5efa54abb56dee2cf7516e04a9e68b8cc418724f5c",
    sha256sum: "abc6e46395e94abbf91f32830ca746995c97139d72941903dae2a4d0f02d56ae",
    sha384sum: "036b59a3c3bee6ceba558bca77e949630843b97b3022fe07d663238cdd85416e",
    sha512sum: "2101491bda51a9b98fd442b1557cd44564b806c514a29eedde357772627a7505",
    shuf: "ba4bfcf15ba87fa689cd26bf706c5208e23535bd53994350cbfe5c807aff132f",
    sleep: "59dfd1af32760a9f4c9632b9e5d1b71652aefeaaa5c7403cdbbcb233d371a94a",
    split: "f8a837f21f2a106b0beb57685b3c80dd09ec19117e8530d61fe1e0feba975e96",
    stat: "092d6428082cf52f7d4cb0a1e0ec116ac5c777582f50dd840e6238e80246633f",
    strings: "03a953059a9c997bd986a0bb3dfaae3aec59516dc707768677e4568f0e72c6d9",
    sum: "9c03113419c836f091cabe8118ea277c62abc503549237f74134bc81887cf97b",
    tail: "39756d3fb525cb84bdbe2693ba9ffc94c90f925731407f2427d1ba9a9d75251b",
    tee: "de18c51fe5c6f0ff5196f876df552f75b9989f2d8cbbf1d1134f384224153a42",
    test: "b287a2897af02b90d61fc5c994bf8a0a0572251d94993a8c5542a3bda6189a97",
    touch: "fd347391d53c0ad3433e36796431f48f36759ba7bdfc44bfb4656b91f1fc1ee0",
    tr: "8df20fb0621d6d1b9723a6797ac268a1873f500024b1f9f6e2e8f4d9a1b652f9",
    true: "27e52fc74a28afce4f17d4d69721fba157ea233dbf09bb7e0a3a56ea23a8c6c4",
    truncate: "d88d15a7b34dbbcf19216fe07a1323fef82d59c882163b7a5a1f30ce383e422f",
    tsort: "a06888da7e75407aad298c3bfc3549da6a9657f8c373df9526743de998c4e948",
    unexpand: "08dbbe78d1a848e36cfee8147b6f72a28e3b7b852e8af8a8035779a3c6079941",
    uniq: "ed0c8f2283b777f7ddcfb9ff6baf8309bd7169f6cda39b5e1757b21858ca4561",
    unlink: "009ab294511ca5ec96cfd7498c2e29f63485f4f835462cea0acf316d3d04513f",
    vdir: "1bd6de25dac7ef3b21e9fc2a064ba5bb4e6a3a380834df955d73a00cbc749d97",
    wc: "4de2756012a0dfab95a970488ee4c487bd1ed6918c4b005e31868a61cf67a764",
    yes: "8bd8fbabff55085cff9f828d423a9884acc04a66488ff5eac144d1aa9c1b812b",
  }),
  ...files(gzip, {
    gzip: "9fe45aaa4adc15a92c554a1eae1d2f03a85c2c868753f035213b879fbf6255ea",
    gunzip: "9fe45aaa4adc15a92c554a1eae1d2f03a85c2c868753f035213b879fbf6255ea",
    zcat: "9fe45aaa4adc15a92c554a1eae1d2f03a85c2c868753f035213b879fbf6255ea",
  }),
  ...names(llvm, "clang", "clang++", "wasm-ld", "llvm-ar", "llvm-nm", "llvm-objdump"),
};

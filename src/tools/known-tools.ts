/**
 * Commands that Coppice knows: which file of which npm package each is, pinned by the file's SHA-256. Nothing of them is in this repository or in Coppice's package. A file of another digest is not
 * used, whatever its package says.
 *
 * What is left out: stubs that only say that they are not there (chown, df, id, ...), what starts processes (env, nice, nohup, stdbuf, timeout, xargs, and the packages' own shell), what tells of a machine
 * (arch, nproc, uname, whoami), and what has no use without a terminal (more).
 *
 * Licences: the packages are Apache-2.0. As far as names in the modules show, they hold: uutils' coreutils (`uu_*`, MIT), its sed (MIT), awk-rs (MIT or Apache-2.0), jaq for jq (MIT), the crates regex, aho-corasick and memchr
 * (MIT or Unlicense), similar for diff (Apache-2.0), tar and miniz_oxide (MIT or Apache-2.0), clap, fluent and hashbrown (MIT or Apache-2.0), ICU4X (Unicode-3.0); the rest of them, find, grep, gzip and column among
 * it, is the packages' own. LLVM is Apache-2.0 with LLVM exceptions; its package is ISC, and its resources hold wasi-libc (MIT, Apache-2.0 with LLVM exceptions, BSD) and libc++ (as LLVM).
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
const coreutils: ToolPackage = { name: "@rivet-dev/agent-os-coreutils", version };
const grep: ToolPackage = { name: "@rivet-dev/agent-os-grep", version };
const sed: ToolPackage = { name: "@rivet-dev/agent-os-sed", version };
const gawk: ToolPackage = { name: "@rivet-dev/agent-os-gawk", version };
const findutils: ToolPackage = { name: "@rivet-dev/agent-os-findutils", version };
const diffutils: ToolPackage = { name: "@rivet-dev/agent-os-diffutils", version };
const tar: ToolPackage = { name: "@rivet-dev/agent-os-tar", version };
const gzip: ToolPackage = { name: "@rivet-dev/agent-os-gzip", version };
const jq: ToolPackage = { name: "@rivet-dev/agent-os-jq", version };
/** Only its sort: the other package's wants threads, and traps. */
const laterCoreutils: ToolPackage = { name: "@agentos-software/coreutils", version: "0.3.4" };
/** 101 MB, so no dependency, not even an optional one: it is used where somebody has installed it. */
const clang: ToolPackage = { name: "@yowasp/clang", version: "22.0.0-git20542-10" };

/** One file a command. */
function files(from: ToolPackage, digests: Readonly<Record<string, string>>): Readonly<Record<string, KnownTool>> {
  return Object.fromEntries(
    Object.entries(digests).map(([name, sha256]) => [name, { package: from, file: `wasm/${name}`, sha256 }]),
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

/** By the name of the command. */
export const knownTools: Readonly<Record<string, KnownTool>> = {
  ...files(coreutils, {
    "[": "c9e8650bd93f92284aa5db75f734d13eff1dc3f4645d4ee66b7d97b1ce6ed5e5",
    b2sum: "dcf2963fa8c9ef2699d493542a64b67f9ccbc28feebe59c0e34bf9504de382a7",
    base32: "0997f07153fbac96be08e10028435156cc0ed1b28846e09a45197ff8b445fce3",
    base64: "5f29d2aec08a2c8225b3ff7042a7fdb91b97c93ff8832954dea3e11f2930c75f",
    basename: "014e112afca4f7a7cd3fcf8f7199042702b9563677d1f17f62b1d5f9a0ced600",
    basenc: "18713eab4cd4064137eeda721e14ca2d5fcbfd35d4ac85bd2358a66d6ee7bab8",
    cat: "620a0dc9999f258462247f5c567a9fe990247bf444812eb5bf1f401c6debe259",
    chmod: "9ab202b0035c369454fdef027071c104424b471dab1ade3d947cbc1eacb2e981",
    cksum: "797eba06e2349e809fcf45ed3132adc3238682ee19fa4bd48717f05e638b2c3b",
    column: "3e5ab072cfee0ab53fea902cb889691c749fb3edaad49bf9edeb073008ee6029",
    comm: "96aed8cec72e1fdcab97ea4035dbb3a7b23dda0d59b5953b21dcf9421a1697ed",
    cp: "76c926e74eb8b300b05361d35c93a40fb19fb17799a7e061e256d0e0b1610e2d",
    cut: "53b06f8fc19944de3259ce83806f3f8b9497a86e0be956b86c75e3ce5701dfb1",
    date: "d6d36cde0d08839a10cf5171112e6efbb496dd5c5135949fa407fba37cfa4256",
    dd: "c9cd14a69a4dc6c22b54445294f4f316c55c338fd5e49e941f7970d2d9d8d84c",
    dir: "5ef64c65f6f4fe793c8bbd99e57f20c8c19e722c30641d4673b6544b96335b8b",
    dircolors: "e1b5a7e3632dcc230c49014f2b820b7979689d9b0da5111b3cd7b2a3e0e207ba",
    dirname: "5194184cfb436465843899109da396c75492b51c63b5390fc7e2717f8ee18a6c",
    du: "3ffe368533d270933a3ff5c0112f6935c1a85830044c944f3d78bf888ae627fb",
    echo: "f53071e2c46efb4618128125cb0ee747502397559f07de8d952b029d7f335686",
    expand: "45e77f797b0bd04c0411d8fc580191fed8de304743101c766a06df0499b39cb3",
    expr: "c5f18082cf197c854019457594a2bee77ee59fc2652fcfa63251fc06e52fca52",
    factor: "5349034d52033406803edfd5ce87c06a8f7908ab01245e5a4d786c85b2fd077f",
    false: "5f08026fb6d344cd5b63a579d5f89f10df9b5807d4938ad008f853a84a36ff8c",
    fmt: "921eb5ac2a24cfba8667ef0dc4828b587bfd0218b401a4a6843e4190c585bff7",
    fold: "770794a84a7b6bb2f2c75bec75662595ff100750a972340af993d27e31d0754c",
    head: "1314ae869a44cb2f0e3dde9c8c6002ed1b605f39ac9e8207cd00ae74db2ebca6",
    join: "fd1f85bdcdfb25c74bc9483dac39835f56fdb12300af748c8ab1af13b65e04cc",
    link: "0ca71ccdada9600615eea4e96221e9af2515db1058ce366aec970709f220d44f",
    ln: "3c4315ec648b8ba8c537d1db7ab388dbe0a34beaf91ecec022e6c42b8f2bc94e",
    ls: "5ef64c65f6f4fe793c8bbd99e57f20c8c19e722c30641d4673b6544b96335b8b",
    md5sum: "072d71bef7f64571b3d34f0fa7976bb318961b44e17fc1d3c65f8f553d7a3311",
    mkdir: "dfe03de3523ee2dd3478565d1a52384c835bf839140d58eeff6abd2802000e5d",
    mktemp: "ff7fac02065abfa17e6d6ec8515aea8fdabced641a130a8fb7d3107514e86793",
    mv: "daaf726101c952705b9c769d0177a7ab27934f16d5dfcb54e0af729814876c96",
    nl: "94087cdb50e8f295891a55b6c08979d98644fff037bfe40980dead7968a47173",
    numfmt: "4cab63e0e5c207cde422a77ca9ab36b03a42a2a0e53d59148cdf9f94a8dabaa9",
    od: "3f0088056c64a516c5f9bcfaf1c312adca6f436266f2365798554e5e3e1e2f4c",
    paste: "acc3f179d01c25a4669c92cea039f56c4fc9de2402cbe8415639eeb2bad05b40",
    pathchk: "207ee2ad8557ca837883a5e0cf49178094d64e87c222340df5cfc45e34725be2",
    printenv: "13126fd0f884809487ed2ca30139cb9416c245cc121bff5ccab752a5ad98c428",
    printf: "85c69f2449bc5fe7de8603ce158231c078bb1977c31016ec3e8d48f3f1222aed",
    ptx: "de4908a2262a9d4062cf9c9a851769826c1440949e766421fb32bc3f1d6c7ab3",
    pwd: "03cb3c6f390185bc27ed1f024e9a94a6afc0a4da0a7d8cd02c53050895991ade",
    readlink: "03f619348827b7a717cced6635b5e0f0c6ee7c63c9b641b71792f9b1370e3555",
    realpath: "198d609ae90fef55125a010eb4c43b8db635603ad7f71d9d251cb4a8a1b4067e",
    rev: "aaffc7176cf3c499cb2f5bc415b5f34fa57880370e2b29e66588e21ca48d4402",
    rm: "53fe407bb5a36d8d5241936a03853ba9782f56e4aa07396f6c63baac2b8494c7",
    rmdir: "be4c69da9c24eada6fb355a4a06ee791ac9dd84a8a04282b3c99ba6a409d338e",
    seq: "5b3b3251a65e83801f8b78a9fa6f50cbd028495d3afae7b32cf65e78dce34db0",
    sha1sum: "a33c21dd8936e13dc75b3600eca6773d8e7f0c20f168b05cd3132027c2a89dd5",
    sha224sum: "f19d2a98c4521b92f3a748e61d3a169295a5615708e95a32f394e14333526660",
    sha256sum: "5a2a43a82f59dcd81e9c3383a4da4ae403c55fc71b99fb4dfdfc815094d03bdf",
    sha384sum: "c7e307d5f19403947eab227bd3f074faf5ba77eb6d724028bd131c4496e56780",
    sha512sum: "d38862f1be2924d4702a453f7b7ece3f4d57621e965d6c748844757b92e068cc",
    shuf: "c1d52a4bef923db5f8d55565b16fa537540d61ab682e1c2e619c23e817b8db89",
    sleep: "5c01eb7549f1925b1c0b1c8ba4f5386e6d87bfcddd2c2f1d7ef4c9121bd3ba0a",
    split: "564bb478a47f05c44e698a88790d3194eb86d174bfb4db1ccf1c8884c0aa6a52",
    stat: "c097879d42f1180f0e42c8a83dad5231cae3f57ac0804dfd5d2f7608b5c196b9",
    strings: "3f5534e2870e87803cd31aa46d4946e9f2c0075c0565a11629e9263aef0cc1db",
    sum: "f14d13e17e47778b3891b493d5d88df60c8654a40405f642b48e273940992fd5",
    tac: "eed8d12466de3ab7a4ee4c972a248c029ad41543c5f68a4da37fe3c1af574d69",
    tail: "344236d86953e39436d183bc460780577a8000ec3823f16088af97083009cf66",
    tee: "ebad4ed476b6a1743bebe4cbadb7f498b6dd472564427b1e9bde8f8be1179173",
    test: "c9e8650bd93f92284aa5db75f734d13eff1dc3f4645d4ee66b7d97b1ce6ed5e5",
    touch: "58e0d7c4c8d4a2b073bd6d279b6215ee2d4c1ffa5760e792c08cd8d656b360d9",
    tr: "89e8c2e6ea47d59c27cc1a63d6daf121cba16696cbb382ac1a795d6f33fd456a",
    true: "f59da139dac5082497f1b47a1b976237d0a66361942e80fbbb77ab74037aa2f0",
    truncate: "d7b5f3710414793584b0ba6a36aa508e7e4f8a0bc0e2ee87bcefc17f7c37eb86",
    tsort: "df1e1b7605b1d264d22d46821512855b6a30fcb78ece00fd06c762cd31c3f014",
    unexpand: "bc064063175fd295e8d56de826d91635203b8a8bc268eb8c90ab5f21f5327aac",
    uniq: "99964cc85542f2387fcb5c2ae66c5416caf2d6e0249180245a3dc0f724e31cc1",
    unlink: "9cc197808b22c6977c98fdcd1550d63325a7dd4a007c09789f2b94890f45c107",
    vdir: "5ef64c65f6f4fe793c8bbd99e57f20c8c19e722c30641d4673b6544b96335b8b",
    wc: "1ed18ea1bf2cf0de5baec364692c57321ba1868e45bfed456da06e1c08d5a139",
    yes: "f01a754130b5fdfcc629dc88bbb24d8acfbe074df0371e15685c1d4967ea25d7",
  }),
  ...files(grep, {
    grep: "34eafe6eaf61bfdc2f41f489f1fac8fff3d3bbc28d96d756a52e35fa57b9ae51",
    egrep: "34eafe6eaf61bfdc2f41f489f1fac8fff3d3bbc28d96d756a52e35fa57b9ae51",
    fgrep: "34eafe6eaf61bfdc2f41f489f1fac8fff3d3bbc28d96d756a52e35fa57b9ae51",
  }),
  ...files(sed, {
    sed: "2c6616aa75db578ed8b9c4c1641f55041d54cd777fe960c0f8b24003d747c722",
  }),
  ...files(gawk, {
    awk: "d52c3b96aa41b81ebbfa5f9b7535513730e36bc87be4c5fe7df48485517b710b",
  }),
  ...files(findutils, {
    find: "4ea67ec8e8182dd4523715c2969440d2dfdf6c1d3ae07b013cd6876cae0b2ee8",
  }),
  ...files(diffutils, {
    diff: "a25d1ff49f66ead30d0bfe08a3db813ad89b327149f047cb7872c0492b1011dc",
  }),
  ...files(tar, {
    tar: "a24913a0afe9f9267c0a2c8a9dd973a0d966b9ba187b2ac42245ac466f4938a5",
  }),
  ...files(gzip, {
    gzip: "9fe45aaa4adc15a92c554a1eae1d2f03a85c2c868753f035213b879fbf6255ea",
    gunzip: "9fe45aaa4adc15a92c554a1eae1d2f03a85c2c868753f035213b879fbf6255ea",
    zcat: "9fe45aaa4adc15a92c554a1eae1d2f03a85c2c868753f035213b879fbf6255ea",
  }),
  ...files(jq, {
    jq: "4ddf77d1cfb8b07c14f630e6c6ee5ff05269817500b6cf065d3a310180f6b7e0",
  }),
  ...names(
    {
      package: laterCoreutils,
      file: "dist/package.aospkg",
      within: "/bin/sort",
      sha256: "ea1e9b74bc44f4ad7bfba4b57a90d1ab015d87b23543723ce4b481c05cfaf1b2",
    },
    "sort",
  ),
  ...names(llvm, "clang", "clang++", "wasm-ld", "llvm-ar", "llvm-nm", "llvm-objdump"),
};

/** Scripts that the shell and the system's bash must do alike: what people and programs write every day. */

import { readFileSync } from "node:fs";

export interface ScriptCase {
  readonly script: string;
  /** What else the shell is started with; `-c SCRIPT` by default. */
  readonly argv?: readonly string[];
  readonly stdin?: string;
  /** Why it is not compared with WebAssembly's tools: what they do otherwise. */
  readonly tool?: string;
  /** What is otherwise than in bash, and why. */
  readonly differs?: { readonly stdout?: string; readonly exit?: number; readonly because: string };
}

const plain = [
  // Words and quotes
  `echo hello`,
  `echo "a  b" 'c  d' e\\ f`,
  `x="two words"; for w in $x; do echo "<$w>"; done; echo "<$x>"`,
  `printf '%s|%5d|%-4s|%x\\n' a 42 b 255; printf '%s\\n' one two three`,
  `echo a{1..5}b {x,y}{1,2}`,
  `echo ~; HOME=/somewhere; echo ~/x`,
  `echo -n no; echo -e '\\ttab'`,
  `echo 'é' | wc -c; printf '\\xff\\xfe' > bytes; wc -c < bytes`,
  // Variables
  `x=path/to/file.tar.gz; echo \${x##*/} \${x%.*} \${x%%.*} \${x#*/} \${#x}`,
  `x=hello; echo \${x/l/L} \${x//l/L} \${x^} \${x^^} \${x:1:3} \${x: -2}`,
  `unset y; echo \${y:-none} \${y:=set} $y \${y:+there}; echo \${z-unset}`,
  `a=(one two three); a+=(four); echo \${a[1]} \${a[@]} \${#a[@]} \${!a[@]}; unset 'a[0]'; echo \${a[@]}`,
  `declare -A m=([k]=v [l]=w); echo \${m[k]} \${#m[@]}; m[n]=x; for k in k l n; do echo $k=\${m[$k]}; done`,
  `set -- a "b c" d; echo $# "$2"; shift; echo "$@" "$*"; for i; do echo "<$i>"; done`,
  `readonly r=1; echo $r; n=r; echo \${!n}`,
  `IFS=,; x=a,b,c; for i in $x; do echo $i; done; set -- 1 2 3; echo "$*"`,
  // Arithmetic
  `echo $((2 + 3 * 4)) $((2 ** 10)) $((7 / 2)) $((-7 % 3)) $((0x1f)) $((1 << 4))`,
  `i=5; ((i++)); echo $i; ((i > 5)) && echo more; let i+=10; echo $i; echo $((i > 3 ? 1 : 0))`,
  // Conditions
  `[ -f a.txt ] && echo file; [ -d src ] && echo folder; [ -e none ] || echo none; [ -s empty ] || echo empty`,
  `[ -x run.sh ] && echo runs; [ -L link.txt ] && echo link; test -r a.txt && echo readable`,
  `[[ abc == a* ]] && echo glob; [[ abc =~ ^a(b)c$ ]] && echo \${BASH_REMATCH[1]}; [[ 10 -gt 9 && -n x ]] && echo both`,
  `if grep -q beta a.txt; then echo found; else echo no; fi; if ! grep -q nothing a.txt; then echo absent; fi`,
  `case foo.c in *.h) echo h;; *.c|*.cc) echo c;; *) echo other;; esac`,
  `test 1 -eq 1 && test a != b && ! test -z x && echo yes`,
  // Loops
  `for i in 1 2 3; do [ $i = 2 ] && continue; echo $i; done; for ((i=0; i<3; i++)); do echo $i; done`,
  `i=0; while [ $i -lt 3 ]; do i=$((i+1)); echo $i; done; until [ $i -eq 0 ]; do i=$((i-1)); done; echo $i`,
  `while read -r a b; do echo "$b:$a"; done < pairs.txt`,
  `while IFS=: read -r name value; do echo "$name=$value"; done < colons.txt`,
  `cat a.txt | while read l; do echo "[$l]"; done`,
  `for f in *.txt; do echo "$f: $(wc -l < "$f")"; done`,
  `for f in src/*.c; do wc -l "$f"; done; for f in none*; do echo $f; done`,
  `find . -name '*.txt' | sort | while read -r f; do head -n 1 "$f"; done`,
  `for i in 1 2 3; do for j in a b; do [ $j = b ] && break; echo $i$j; done; done`,
  `seq 1 5 | while read n; do echo $((n * n)); done | paste -s -d+ -`,
  // Functions
  `f() { local x=$1; echo "f: $x $#"; return 3; }; f a b; echo $?; x=out; f in; echo $x`,
  `fact() { [ $1 -le 1 ] && echo 1 || echo $(( $1 * $(fact $(( $1 - 1 ))) )); }; fact 6`,
  `log() { echo "log: $*" >&2; }; log to stderr; echo done`,
  // Substitution and redirection
  `echo "there are $(ls | wc -l | tr -d ' ') files"; echo \`echo old\``,
  `echo one > new; echo two >> new; cat new; cat < new > copy; wc -l copy`,
  `ls none 2> errors; echo $?; test -s errors && echo said`,
  `{ echo out; echo err >&2; } > both 2>&1; cat both`,
  `echo a > x; echo b > y; cat x y > z; rm x y; cat z`,
  `cat <<END\nname: $(echo sub) \${HOME:+set}\nEND\ncat <<'END'\nraw: $x\nEND\n`,
  `cat <<-END\n\tindented\n\tEND\n`,
  `tr a-z A-Z <<< "here string"`,
  `diff <(sort pairs.txt) <(sort -r pairs.txt) > d; echo $?; wc -l < d`,
  `exec 3> three; echo to three >&3; exec 3>&-; cat three`,
  `(cd src && ls); pwd; ( x=1; echo $x ); echo "\${x:-unset}"`,
  `: > emptied; > made; ls -1 emptied made; mkdir -p deep/er; touch deep/er/f; echo > 'a name'; ls -1`,
  `set -o noclobber; echo a > once; echo b > once || echo refused; cat once`,
  // Pipelines
  `cat a.txt b.txt | sort | uniq -c | sort -rn | head -n 2`,
  `grep -r TODO src | wc -l; grep -rl TODO src | sort; grep -c . a.txt b.txt`,
  `cat numbers.txt | sort -n | tail -n 1; sort -nr numbers.txt | head -n 3 | tr '\\n' ' '`,
  `cut -d: -f1 colons.txt | sort | uniq; awk -F: '{ s += $2 } END { print s }' colons.txt`,
  `sed -e 's/alpha/ALPHA/' -e '/beta/d' a.txt; sed -n '2,3p' a.txt; sed -i 's/a/A/g' a.txt; cat a.txt`,
  `false | true; echo $? \${PIPESTATUS[@]}; set -o pipefail; false | true; echo $?`,
  `echo x | tee one two > three; cat one two three`,
  `printf 'b\\na\\n' | sort | cat -n; echo a b c | awk '{ print $2, NF }'`,
  `find . -type f -name '*.c' -print0 | xargs -0 wc -l | sort; find src -type d | sort`,
  `ls *.txt | xargs -n 1 basename | sed 's/.txt//'; echo 1 2 3 | xargs -I{} echo "<{}>"; ls src/*.c | xargs grep -l main`,
  `find . -name '*.txt' -exec grep -l alpha {} + | sort; find . -name '*.c' -exec basename {} \\; | sort`,
  // Lists and exit codes
  `true && echo and; false || echo or; ! true; echo $?; false; echo $?`,
  `set -e; echo before; false; echo after`,
  `set -e; if false; then :; fi; false || true; echo still; x=$(false); echo never`,
  `set -euo pipefail; grep -q nothing a.txt | cat; echo never`,
  `no-such-command; echo $?; ./a.txt; echo $?; ./none; echo $?; src; echo $?`,
  `exit 42`,
  `(exit 7); echo $?; f() { exit 5; }; f; echo never`,
  `trap 'echo bye $?' EXIT; echo work; exit 2`,
  `f() { rm -f tmp1; echo cleaned; }; trap f EXIT; touch tmp1; ls -1 tmp1`,
  `exec echo replaced; echo never`,
  // Scripts
  `. ./lib.sh; greet you; echo $LIB`,
  `./run.sh one "two words"; sh run.sh x; bash -c 'echo $0 $1' name arg; sh -c 'exit 3'; echo $?`,
  `export E=exported; N=not; sh -c 'echo "$E:$N"'; V=once sh -c 'echo $V'; echo "\${V:-gone}"`,
  `env -i A=1 sh -c 'echo $A \${HOME:-no}'; timeout 5 echo in time; timeout x ls; echo $?; eval 'echo ev; y=2'; echo $y`,
  `type echo; command -v cd; hash; echo $0`,
  `getopts_test() { while getopts ab:c o; do echo "$o \${OPTARG:-}"; done; shift $((OPTIND-1)); echo "$@"; }; getopts_test -a -b val rest`,
  `mkdir out && cp a.txt out/ && mv out/a.txt out/c.txt && rm -r out/c.txt && rmdir out && echo all`,
  `cp -r src copy; rm -rf src; ls copy; ln -s copy/main.c main; cat main | head -n 1; chmod +x copy/main.c`,
  `mapfile -t lines < a.txt; echo \${#lines[@]} "\${lines[1]}"; read -r first rest <<< "a b c"; echo "$rest"`,
  `x=1; { x=2; }; echo $x; echo a | { read v; echo "in $v"; }; x=5 | true; echo $x`,
  `echo "$(printf 'trail\\n\\n\\n')|"; echo "$(cat binary | wc -c)"; cat binary binary > twice; wc -c < twice`,
  `printf '%s\\n' *; printf '%s\\n' */; shopt -s nullglob; echo none*; echo src/?ain.c [ab].txt`,
  `sleep 1; date +%Y > /dev/null; echo over 2>/dev/null; ls none > /dev/null 2>&1 || echo $?`,
  `n=0; for f in $(find . -type f | sort); do n=$((n+1)); done; echo $n; wc -l $(ls *.txt) | tail -n 1`,
  `head -c 3 a.txt; echo; tail -n +2 a.txt | nl | head -n 2; rev < a.txt 2>/dev/null | head -n 1; tac a.txt`,
  `cat a.txt | cmp - a.txt; echo $?; cat a.txt | split -l 2 - p; cat p*; cat a.txt | split -l 2; cat x*; split -l 1 < a.txt; cat xa*`,
  `cat a.txt | dd of=copy 2> /dev/null; cat copy; { dd of=copy 2> /dev/null; } < b.txt; cat copy; printf '1\\n2\\n' | while read x; do echo $x; dd if=a.txt of=copy 2> /dev/null; done`,
  `select_max() { local m=$1; shift; for n in "$@"; do (( n > m )) && m=$n; done; echo $m; }; select_max 3 9 4`,
  `if then`,
  `echo 'unclosed`,
] as const;

/** Longer ones, a line of four equals signs between them. */
const more = readFileSync(new URL("shell-scripts.txt", import.meta.url), "utf8")
  .trimEnd()
  .split("\n====\n");

/** What the tools of the packages do otherwise than the system's, by where it shows. */
const otherTools: readonly (readonly [RegExp, string])[] = [
  [/\b(?:cmp|dd) /, "they are not among the tools there"],
  [/\bsort\b/, "this build of sort traps"],
  [/grep -rl? /, "grep has no -r"],
  [/sed -i/, "sed -i looks for /dev/null"],
  [/-print0|-exec/, "find has no -print0"],
  [/ls none 2>( errors|&1)|exec 2>&1; ls|wc -l \$\(/, "messages are names of messages"],
  [/grep x nofile/, "grep ends with 1 for a file that is not there"],
  [/NR==FNR/, "awk takes the second file for the first"],
  [/uname|expr length/, "uname says what it runs on, expr has no length"],
  [/chmod/, "chmod sets no exec bit"],
];

export const scripts: readonly ScriptCase[] = [
  ...[...plain, ...more].map((script): ScriptCase => {
    const [, tool] = otherTools.find(([pattern]) => pattern.test(script)) ?? [];
    return tool === undefined ? { script } : { script, tool };
  }),
  {
    script: "set -u; echo start; echo $nothing; echo never",
    differs: { exit: 1, because: "bash -c ends with 127 there, a script with 1" },
  },
  {
    script: "a=(0 1); a[1<<62]=x; echo never",
    differs: { stdout: "", exit: 1, because: "arrays have no index beyond 2^53" },
  },
  {
    script: "echo {9007199254740992..9007199254740993}",
    differs: { stdout: "", exit: 2, because: "ranges are of numbers below 2^53" },
  },
  {
    script: "for ((i = 0; i < 1 / 0; i++)); do :; done; echo never\necho $?",
    differs: { stdout: "1\n", because: "there it ends the loop, and here its line" },
  },
  {
    script: "echo $(( $(echo 1+2) * 3 ))",
    differs: { stdout: "", exit: 1, because: "what is substituted is a value" },
  },
  { script: "cat; echo $1", stdin: "from stdin\n", argv: ["-c", "cat; echo $1", "sh", "first"] },
  { script: "a file", argv: ["run.sh", "p", "q r"] },
  { script: "a file that is not there", argv: ["none.sh"] },
  { script: "a file behind a file", argv: ["run.sh/none.sh"] },
  { script: "a folder", argv: ["src"] },
  { script: "a file that is no text", argv: ["binary", "x"] },
  { script: "stdin", argv: ["-s", "x"], stdin: "echo read $1\nls *.txt\n" },
  { script: "options", argv: ["-euc", "echo a; false; echo b"] },
  { script: "read x; read y; echo $y $x; cat", stdin: "1\n2\n3\n4\n" },
  { script: "while read x; do echo $x; cat > rest; done; cat rest", stdin: "1\n2\n3\n" },
  { script: "wc -l; wc -l", stdin: "1\n2\n" },
];

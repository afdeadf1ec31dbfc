/**
 * Bundles the worker `sh`: workers/shell and just-bash, which is a package for development alone, so that whoever uses the shell installs nothing. The bytes follow from the sources, just-bash's and esbuild's
 * versions alone.
 *
 * Of just-bash the parser and the interpreter are taken, and the few commands of its own that the shell keeps. The realm of scripts has no Node, no timers and no `import()`, so what asks for them is replaced; and what
 * the interpreter does otherwise than a shell is mended here, in its text. Each replacement must be found, and found once: another version of just-bash fails to build rather than to mean something else.
 */
import { readFileSync, readdirSync } from "node:fs";
import { createRequire } from "node:module";
import { basename, dirname, join } from "node:path";
import type { Plugin } from "esbuild";

const folder = join(import.meta.dirname, "shell");
/** What the bundles are made of. */
const folders = [folder, join(import.meta.dirname, "commands")];
/** What it shares with the engine. */
const shared = ["file-start.ts", "plain-call.ts", "starting-call.ts"].map((file) =>
  join(import.meta.dirname, "..", "src", "tools", file),
);
const require = createRequire(import.meta.url);
const packageFolder = join(dirname(require.resolve("just-bash")), "..", "..");
const mainFile = join(packageFolder, "dist", "bundle", "index.js");

/** What the shell itself loads when it is needed. */
const interpreter = "./interpreter.ts";

/** Commands of just-bash's that are bundled, with the chunk's and the export's name. */
const kept = ["echo", "printf", "pwd", "true", "false", "alias", "unalias", "which"];

/** What is replaced in just-bash's main file. */
const mendings: readonly (readonly [found: string, instead: string])[] = [
  // A tool in a group or loop takes the shell's stdin only where it has none of its own, and leaves nothing of it.
  ["await pf(c,t,n,s,o),", "await(this.ctx.state.coppiceOwnStdin=l,pf(c,t,n,s,o)),"],
  // A tool is called with what it looks at, and no more: what just-bash makes for commands of others takes as long as a small one.
  [
    'let d=r||i.state.groupStdin||"",p=!1,h=o();',
    "r=u.internalIsExtension?r:coppicePiped(i.state,q,r);let d=coppiceStdin(r,i.state),p=!1,h=o();if(u.internalIsExtension)try{let y={cwd:i.state.cwd,exportedEnv:h,called:q,inherited:coppiceInherited(i.state),ownStdin:r.length>0||q?.piped!==void 0||i.state.coppiceOwnStdin===!0,leave(v){coppiceLeave(r,i.state,v)},get stdin(){return p=!0,coppiceDrain(r,i.state),d}},A=await u.execute(n,y);return{...A,internalStdinConsumed:p?r.length:0}}catch(v){if(v instanceof x||v instanceof ze||v instanceof _t)throw v;return D(`${t}: ${wt($t(v))}\n`)}",
  ],
  // What it prints goes to the next one by its name.
  [
    "{ctx:i,buildExportedEnv:o,executeUserScript:a}=e,c=",
    "{ctx:i,buildExportedEnv:o,executeUserScript:a}=e,q=coppiceCalled(i.state),c=",
  ],
  [
    "if(t.line!==void 0&&(this.ctx.state.currentLine=t.line),this.ctx.state.shoptOptions.expand_aliases&&t.name){",
    "let coppiceHanded=coppiceTake(this.ctx.state,t);if(t.line!==void 0&&(this.ctx.state.currentLine=t.line),this.ctx.state.shoptOptions.expand_aliases&&t.name){",
  ],
  [
    "v=await this.runCommand(u,f,d,n,!1,!1,g,y)",
    "v=await this.runCommand(u,f,d,coppiceGive(this.ctx.state,coppiceHanded,u,Fn.has(u),n),!1,!1,g,y)",
  ],
  [
    "t.internalPipeStatusOverride&&(g.internalPipeStatusOverride=t.internalPipeStatusOverride)",
    "t.piped&&(g.piped=t.piped),t.internalPipeStatusOverride&&(g.internalPipeStatusOverride=t.internalPipeStatusOverride)",
  ],
  [
    "let o=await qi(this.ctx,s);return!o.stdout",
    "let o=await qi(this.ctx,s);if(o.stdout)i=coppiceWhole(this.ctx.state,i);return!o.stdout",
  ],
  ["S?i=N:(", "S?i=coppiceEnd(e.state,N):("],
  ["s=Tt(N.stderr)+xt(N):(s=xt(N),", "s=Tt(N.stderr)+xt(N):(s=coppicePrinted(e.state,N,xt),"],
  // Whoever changes into /tmp finds it.
  [
    'let l=(n.startsWith("/")?n:`${e.state.cwd}/${n}`).split("/").filter(f=>f&&f!=="."),c="";',
    'if(n==="/tmp"||n.startsWith("/tmp/"))e.fs.makeScratch?.();let l=(n.startsWith("/")?n:`${e.state.cwd}/${n}`).split("/").filter(f=>f&&f!=="."),c="";',
  ],
  // `exec COMMAND` ends the shell.
  [
    "return{...await u(f,d,[],s,!1,!1,-1,l),internalProducerOmitsShellPrefix:!0}",
    "let q=await u(f,d,[],s,!1,!1,-1,l);c.state.coppiceReplaced=!0;return{...q,internalProducerOmitsShellPrefix:!0}",
  ],
  [
    'case"SimpleCommand":return this.executeSimpleCommand(t,n);',
    'case"SimpleCommand":return this.executeSimpleCommand(t,n).then(coppiceAfter(this.ctx.state,G));',
  ],
  // A file that is called by its path is started as a command is, or refused in bash's words.
  [
    'if("error"in c)return c.error==="permission_denied"?D(`bash: ${t}: Permission denied\n`,126):D(`bash: ${t}: No such file or directory\n`,127);if("script"in c)return t.includes("/")||(i.state.hashTable||(i.state.hashTable=new Map),i.state.hashTable.set(t,c.path)),await a(c.path,n,r);let{cmd:u,path:f}=c;',
    'if("error"in c||"script"in c)c={cmd:i.state.coppiceFile(t.includes("/")?t:c.path),path:c.path};let{cmd:u,path:f}=c;',
  ],
  [
    "c=e.commands.get(l);return c&&Ms(o,l)?{cmd:c,path:o}",
    'c=e.commands.get(l);return c&&Ms(o,l)&&t.startsWith("/")?{cmd:c,path:o}',
  ],
  // Parameters may have spaces.
  ['i=(e.state.env.get("@")||"").split(" ").filter(Boolean)', "i=coppiceParameters(e.state)"],
  // What `.` is given may be more than nine.
  [
    "for(let u=1;u<=9;u++)o.set(String(u),e.state.env.get(String(u)));",
    'let q=Math.max(n.length,Number(e.state.env.get("#")??0));for(let u=1;u<=q;u++)o.set(String(u),e.state.env.get(String(u)));',
  ],
  [
    "for(let u=0;u<c.length&&u<9;u++)e.state.env.set(String(u+1),c[u]);for(let u=c.length+1;u<=9;u++)",
    "for(let u=0;u<c.length;u++)e.state.env.set(String(u+1),c[u]);for(let u=c.length+1;u<=q;u++)",
  ],
  // A pattern that ends with a slash matches folders.
  [
    "async expand(t){if(this.globstar)",
    "async expand(t){if(/[^/]\\/+$/.test(t))return coppiceFolders(this,t);if(this.globstar)",
  ],
  // `a=b` is a word where no command begins: a pattern, an item, a target.
  ...[
    'e.isWord()||e.error("Expected redirection target")',
    "!e.check(E.SEMICOLON,E.NEWLINE,E.DO,E.EOF)&&e.isWord();)i.push(e.parseWord())",
    "e.isWord()||e.error(\"Expected word after 'case'\")",
    "for(;e.isWord()&&(t.push(e.parseWord()),e.check(E.PIPE));)e.advance()",
    "e.checkIterationLimit(),e.isWord()?t.push(e.parseWord()):kd.has(e.current().type)",
  ].map((found) => [found, found.replace("e.isWord()", "(e.isWord()||e.check(E.ASSIGNMENT_WORD))")] as const),
  // A command's name may be several words: `$CC -c`.
  [
    "let u=await se(this.ctx,t.name),f=[],d=[],p=(P,$)",
    'let W=(await gt(this.ctx,t.name)).values,u=W[0]??"",f=W.slice(1),d=f.map(()=>!1),p=(P,$)',
  ],
  // Bracket expressions: `[!a-z]`, `[[:digit:]]`, `[]]`.
  [
    'let i=e.indexOf("]",r+1);i!==-1?(n+=e.slice(r,i+1),r=i):n+="\\\\["',
    'let i=coppiceBracket(e,r);i!==void 0?(n+=i.regex,r=i.end):n+="\\\\["',
  ],
  // What is followed by && or || may fail under `set -e`, all that it calls included.
  [
    "let f=await this.executePipeline(c);",
    "if(this.ctx.state.coppicePending!==void 0)n.appendResult(await coppiceDeliver(this.ctx,this.ctx.state.lastExitCode,P=>Ge(P,{maxHeredocSize:this.ctx.limits.maxHeredocSize}),G));let coppiceBefore=this.ctx.state.lastExitCode,f=await coppiceListed(this.ctx.state,l<t.pipelines.length-1||c.negated,()=>this.executePipeline(c));",
  ],
  // Integers of 64 bits.
  ["function or(e){if(e.includes", "function or(e){return coppiceLiteral(e);if(e.includes"],
  [
    'function Yp(e,t,n){switch(n){case"+":',
    'function Yp(e,t,n){let q=coppiceArithmetic(e,t,n);if(q!==void 0)return q;switch(n){case"+":',
  ],
  [
    'function Jc(e,t,n){switch(n){case"=":',
    'function Jc(e,t,n){return n==="="?t:Yp(e,t,n.slice(0,-1));switch(n){case"=":',
  ],
  ["function Jp(e,t){switch(t){", "function Jp(e,t){return coppiceUnary(e,t);switch(t){"],
  ["if(!t)return 0;let r=Number.parseInt(t,10);", "if(!t)return 0;let r=coppicePlain(t);"],
  ["if(!r)return 0;let s=Number.parseInt(r,10);", "if(!r)return 0;let s=coppicePlain(r);"],
  ["if(!o)return 0;let a=Number.parseInt(o,10);", "if(!o)return 0;let a=coppicePlain(o);"],
  ['t[s]==="\'"&&s++;let u=Number.parseInt(c,10);', 't[s]==="\'"&&s++;let u=coppicePlain(c);'],
  ['e[n]==="\'"&&n++;let s=Number.parseInt(r,10);', 'e[n]==="\'"&&n++;let s=coppicePlain(r);'],
  ["e[n]==='\"'&&n++;let s=Number.parseInt(r,10);", "e[n]==='\"'&&n++;let s=coppicePlain(r);"],
  ["return or(a)}", 'return await s({type:"ArithNumber",value:or(a)})}'],
  ["return or(o)}", 'return await s({type:"ArithNumber",value:or(o)})}'],
  // What is substituted or assigned to may be an expression itself: `0x10`.
  [
    "let o=i.stdout.trim();return Number.parseInt(o,10)||0}",
    "return await th(e,coppiceValue(i.stdout.trim(),t.alone,q=>new ce(q)),r)}",
  ],
  [
    "let i=await us(e,t.content);return Number.parseInt(i,10)||0}",
    "let i=await us(e,t.content);return await th(e,coppiceValue(i,t.alone,q=>new ce(q)),r)}",
  ],
  ["?await Hi(e,i,r):Number.parseInt(i,10)||0}", "?await Hi(e,i,r):await th(e,i,r)}"],
  ['c=Number.parseInt(l||"0",10)||0,u=await s(t.value)', 'c=t.operator==="="?0:await th(e,l,r),u=await s(t.value)'],
  [
    'let a=Number.parseInt(e.state.env.get(o)||"0",10)||0,l=await s(t.value)',
    'let a=t.operator==="="?0:await th(e,e.state.env.get(o),r),l=await s(t.value)',
  ],
  [
    'return s++,{expr:{type:"ArithCommandSubst",command:f},pos:s}',
    'return s++,{expr:{type:"ArithCommandSubst",command:f,alone:coppiceAlone(t,u-2,s)},pos:s}',
  ],
  [
    't[s]==="`"&&s++,{expr:{type:"ArithCommandSubst",command:u},pos:s}',
    't[s]==="`"&&s++,{expr:{type:"ArithCommandSubst",command:u,alone:coppiceAlone(t,c-1,s)},pos:s}',
  ],
  [
    'return s=p,{expr:{type:"ArithBracedExpansion",content:d},pos:s}',
    'return s=p,{expr:{type:"ArithBracedExpansion",content:d,alone:coppiceAlone(t,c-2,s)},pos:s}',
  ],
  // `a[i++]++` asks for the index once, and every `++` is of what its operand is.
  [
    'case"ArithUnary":{let i=await s(t.operand);',
    'case"ArithUnary":{if((t.operator==="++"||t.operator==="--")&&t.operand.type==="ArithArrayElement"&&t.operand.index&&!e.state.associativeArrays?.has(t.operand.array)){let q=coppiceIndex(await s(t.operand.index),m=>new ce(m)),k=q<0?K(e,t.operand.array):[];t={...t,operand:{...t.operand,index:{type:"ArithNumber",value:k.length>0?Math.max(...k.map(([w])=>w))+1+q:q}}}}let i=await s(t.operand);',
  ],
  ['a=Number.parseInt(await ie(e,o),10)||0,l=t.operator==="++"?a+1:a-1;', "a=i,l=Yp(a,1,t.operator[0]);"],
  ['c=Number.parseInt(le(e,o,l)||"0",10)||0,u=t.operator==="++"?c+1:c-1;', "c=i,u=Yp(c,1,t.operator[0]);"],
  [
    'a=Number.parseInt(e.state.env.get(o)||"0",10)||0,l=t.operator==="++"?a+1:a-1;',
    "a=await th(e,e.state.env.get(o),r),l=Yp(a,1,t.operator[0]);",
  ],
  [
    'l=Number.parseInt(le(e,o,a)||"0",10)||0,c=t.operator==="++"?l+1:l-1;',
    "l=await th(e,le(e,o,a),r),c=Yp(l,1,t.operator[0]);",
  ],
  ["let a=await s(t.index);if(a<0)", "let a=coppiceIndex(await s(t.index),q=>new ce(q));if(a<0)"],
  ["let p=await s(t.subscript);if(p<0)", "let p=coppiceIndex(await s(t.subscript),q=>new ce(q));if(p<0)"],
  [
    "async function Y(e,t,n=!1){",
    "async function coppiceIndexed(e,t,n){return coppiceIndex(await Y(e,t,n),q=>new ce(q))}async function Y(e,t,n=!1){",
  ],
  ["evaluateArithmetic:Y,", "evaluateArithmetic:async(...q)=>Number(await Y(...q)),"],
  [
    'if(o)return{part:{type:"BraceExpansion",items:[{type:"Range",start:Number.parseInt(o[1],10)',
    'if(o&&o.slice(1).some(q=>q!==void 0&&!Number.isSafeInteger(Number(q))))e.error("this shell\'s ranges are of numbers below 2^53");if(o)return{part:{type:"BraceExpansion",items:[{type:"Range",start:Number.parseInt(o[1],10)',
  ],
  // What is compared in `[` and `[[`.
  ["function Ss(e){if(e=e.trim()", "function Ss(e){return coppiceOperand(e);if(e=e.trim()"],
  [
    "if(/^[+-]?(\\d+#[a-zA-Z0-9@_]+|0[xX][0-9a-fA-F]+|0[0-7]+|\\d+)$/.test(t))return au(t);try{let n=new Q,r=re(n,t);return await Y(e,r.expression)}catch{return au(t)}}",
    "let n=new Q,r=re(n,t);return await Y(e,r.expression)}",
  ],
  // What `declare -i` declares. An expression that has no answer is no 0.
  [
    's=await Y(e,r.expression);return String(s)}catch{return"0"}}',
    "s=await Y(e,r.expression);return String(s)}catch(q){throw q}}",
  ],
  ["oe=parseInt(F,10)||0,ae=parseInt(await Fu(e,U),10)||0;U=String(oe+ae),", "oe=await Fu(e,`(${F})+(${U})`);U=oe,"],
  ['c=String(await Y(e,d.expression))}}catch{c="0"}else{', "c=String(await Y(e,d.expression))}}catch(q){throw q}else{"],
  // An array's name is its first element.
  [
    'return e.state.env.set(o,String(l)),t.prefix?l:a}if(t.operand.type==="ArithArrayElement")',
    'return coppiceAssigned(e,o,l),t.prefix?l:a}if(t.operand.type==="ArithArrayElement")',
  ],
  ["return a===void 0?e.state.env.set(o,String(f)):Z(", "return a===void 0?coppiceAssigned(e,o,f):Z("],
  ["let l=a===void 0?e.state.env.get(o):le(e,i,a)", "let l=a===void 0?await eh(e,o):le(e,i,a)"],
  [
    "async function eh(e,t){",
    'function coppiceAssigned(e,t,n){if(ue(e,t))t=Fe(e,t)||t;if(Be(e,t))throw new ce(`${t}: readonly variable`);pt(e,t)?Z(e,t,0,String(n),e.state.associativeArrays?.has(t)?"associative":"indexed"):e.state.env.set(t,String(n))}async function eh(e,t){',
  ],
  // Arithmetic without an answer ends its line; a subshell and a substitution are all of one.
  [
    "o=this.parseStatement();o&&t.push(o),this.check(E.HEREDOC_CONTENT)",
    "o=this.parseStatement();o&&(o.coppiceBegins=i>0&&this.tokens[i-1].type!==E.SEMICOLON&&this.tokens[i-1].type!==E.AMP,t.push(o)),this.check(E.HEREDOC_CONTENT)",
  ],
  [
    "for(let s of t.statements)try{let i=await this.executeStatement(s);r.appendResult(i,Ys(i))",
    "let coppiceLeft=!1;for(let s of t.statements)if(!(coppiceLeft&&=!s.coppiceBegins||this.ctx.substitutionDepth>0))try{let i=await this.executeStatement(s);r.appendResult(i,Ys(i))",
  ],
  ['if(i instanceof ce){r.append("stdout"', 'if(i instanceof ce){coppiceLeft=!0;r.append("stdout"'],
  [
    "if(e instanceof Te||e instanceof We||e instanceof G||e instanceof x)return e.prependOutput(t,n)",
    "if(e instanceof Te||e instanceof We||e instanceof G||e instanceof x||e instanceof ce)return e.prependOutput(t,n)",
  ],
  [
    "if(Or(s)||s instanceof We||s instanceof G||s instanceof x||s instanceof Mt)throw s.prependOutput(n.stdout,n",
    "if(Or(s)||s instanceof We||s instanceof G||s instanceof x||s instanceof Mt||s instanceof ce)throw s.prependOutput(n.stdout,n",
  ],
  [
    "if(Or(d)||d instanceof We||d instanceof G)throw d.prependOutput(o.stdout,o.stderr),d;",
    "if(Or(d)||d instanceof We||d instanceof G||d instanceof ce)throw d.prependOutput(o.stdout,o.stderr),d;",
  ],
  // `((` begins arithmetic where `))` ends it, and `<<` is a shift there.
  ["this.looksLikeNestedSubshells(n+2)||this.dparenClosesWithSpacedParens(n+2)?", "!coppiceCloses(this.input,n+2)?"],
  ["let r=n+3,s=1,i=0,o=r;for(;o<t.length-1", "let r=n+3,s=0,i=0,o=coppiceClosing(t,r);for(;o<t.length-1"],
  ["let s=r+3,i=1,o=s;for(;s<n.length-1", "let s=coppiceClosing(n,r+3),i=0,o=r+3;for(;s<n.length-1"],
  [
    'if(i==="<"&&o==="<")return this.pos=n+2,this.column=s+2,this.pendingHeredocDelimiterMode=!1,',
    'if(i==="<"&&o==="<")return this.pos=n+2,this.column=s+2,this.dparenDepth===0&&(this.pendingHeredocDelimiterMode=!1),',
  ],
  // `((y |= 1))` is put together from tokens again, as `y | =1`.
  [
    "let a=this.parseArithmeticExpression(n.trim()),l=this.parseOptionalRedirections();return M.arithmeticCommand",
    "let a=this.parseArithmeticExpression(coppiceJoined(n)),l=this.parseOptionalRedirections();return M.arithmeticCommand",
  ],
  // What it does not know it says.
  [
    "error(t){let n=this.current();throw new xe(t,",
    "error(t){let n=this.current();throw new xe(n.type===E.SELECT||n.type===E.COPROC?`this shell has no ${n.value}`:t,",
  ],
  // Its limits are ours, and no option of anybody's.
  [", increase executionLimits.maxCommandCount", ""],
  [", increase executionLimits.maxCallDepth", ""],
  // `trap`, `kill`, `disown` and `umask` are builtins.
  [
    'if(t==="wait")return ne;',
    'if(t==="wait")return coppiceWait(c.state,n);if(t==="trap")return coppiceTrap(c.state,n);if(t==="kill")return coppiceKill(c.state,n);if(t==="disown")return coppiceDisown(c.state,n);if(t==="umask")return coppiceUmask(c.state,n);coppiceSlept(c.state,t,n);',
  ],
  ['if(t==="exit")return Fo(c,n);', 'if(t==="exit")return Fo(c,coppiceExit(c.state,n));'],
  // Signals are taken after a pipeline, and a shell that one has ended does not come to the command whose words sent it.
  [
    'r=f.exitCode,s=l,i=c.negated,this.ctx.state.lastExitCode=r,this.ctx.state.env.set("?",String(r))',
    'r=f.exitCode,s=l,i=c.negated;this.ctx.state.lastExitCode=r,this.ctx.state.env.set("?",String(r));if(this.ctx.state.coppicePending!==void 0)n.appendResult(await coppiceDeliver(this.ctx,coppiceBefore,P=>Ge(P,{maxHeredocSize:this.ctx.limits.maxHeredocSize}),G))',
  ],
  ["let m=t.name.parts.every(", "coppiceDoomed(this.ctx.state,G);let m=t.name.parts.every("],
  [
    "l=>Om(e,t,l.stdin??n,r,s||l.stdin!==void 0)",
    "l=>coppiceSubshell(e,()=>Om(e,t,l.stdin??n,r,s||l.stdin!==void 0),P=>Ge(P,{maxHeredocSize:e.limits.maxHeredocSize}))",
  ],
  [
    "if(this.ctx.state.errexitSafe=o||i||a,this.ctx.state.options.errexit&&r!==0",
    'if(r!==0&&!o&&!i&&!a&&this.ctx.state.coppiceTraps?.has("ERR"))n.appendResult(await coppiceError(this,t,r,P=>Ge(P,{maxHeredocSize:this.ctx.limits.maxHeredocSize})));if(this.ctx.state.errexitSafe=o||i||a,this.ctx.state.options.errexit&&r!==0',
  ],
  // A stage of a pipeline and what runs in the background are subshells in all: their folder, functions and parameters, too.
  [
    "N=await n(y,s)}catch($)",
    "N=await coppiceStage(e,t,g,k,aa,()=>n(y,coppiceWithin(e.state,t,g,coppiceHand(e.state,t,g,s))),P=>Ge(P,{maxHeredocSize:e.limits.maxHeredocSize}),G)}catch($)",
  ],
  [
    "let p=await e.executeScript(t.body),h=p.exitCode;e.state.env=c",
    "let p=await coppiceSubstituted(e,aa,()=>e.executeScript(t.body),P=>Ge(P,{maxHeredocSize:e.limits.maxHeredocSize})),h=p.exitCode;e.state.env=c",
  ],
  [
    "try{h=await e.executeScript(t)}catch(m){if(m instanceof x)throw m;if(m instanceof G)return{stdout",
    "try{h=await coppiceSubstituted(e,aa,()=>e.executeScript(t),P=>Ge(P,{maxHeredocSize:e.limits.maxHeredocSize}))}catch(m){if(m instanceof x)throw m;if(m instanceof G)return{stdout",
  ],
  [
    "async executeStatement(t){if(this.assertDefenseContext",
    "async executeStatement(t){if(t.background)return coppiceBackground(this.ctx,aa,()=>this.executeStatement({...t,background:!1}),P=>Ge(P,{maxHeredocSize:this.ctx.limits.maxHeredocSize}),G);if(this.assertDefenseContext",
  ],
  [
    "await new kr(k,m).executeScript(S)",
    "await coppiceScript(new kr(k,m),coppiceLast(m,S),P=>Ge(P,{maxHeredocSize:this.limits.maxHeredocSize}))",
  ],
  // A redirection that the file system refuses fails its command, with the system's words; the script goes on.
  ["o=await Eh(e,i,t,{checkNoclobber", "o=coppiceMistyped(t)??await Eh(e,i,t,{checkNoclobber"],
  ["}catch{return`bash: ${n}: cannot open redirect target\n`}", "}catch(q){return coppiceRefused(n,q)}"],
  [
    'catch(a){if(!s)throw a;return{error:L("",`bash: ${t}: cannot open redirect target\n`,1)}}',
    'catch(q){return{error:L("",coppiceRefused(t,q),1)}}',
  ],
  [
    "let r=e.fs.resolvePath(e.state.cwd,t);try{let s=await e.fs.readFile(r);return n?",
    "let r=e.fs.resolvePath(e.state.cwd,t);try{let s=await coppiceOpened(t,()=>e.fs.readFile(r));return n?",
  ],
  [
    'catch{if(!n)return{error:L("",`bash: ${t}: No such file or directory\n`,1)};try{',
    'catch(q){if(!n)return{error:L("",coppiceRefused(t,q),1)};try{',
  ],
  [
    'catch{return{error:L("",`bash: ${t}: No such file or directory\n`,1)}}}}var',
    'catch(q){return{error:L("",coppiceRefused(t,q),1)}}}}var',
  ],
  [
    'try{c=await vn(e.fs,A),u=-1,m(S,{kind:"input",content:c})}catch{return p(L("",`bash: ${v}: No such file or directory\n`,1),g)}',
    'try{c=await coppiceOpened(v,()=>vn(e.fs,A)),u=-1,m(S,{kind:"input",content:c})}catch(q){return p(L("",coppiceRefused(v,q),1),g)}',
  ],
  // Its file stays the one that was opened, wherever `cd` leads before what is written gets there.
  ["if(s.set(g,v),v.includes", 'if(s.set(g,k||y.operator==="<<<"?v:e.fs.resolvePath(e.state.cwd,v)),v.includes'],
  // Nor is `$(< FILE)` silent.
  ["if(s)try{let p=await se(e,s.target),h=", "let p;if(s)try{p=await se(e,s.target);let h="],
  [
    'catch(p){if(p instanceof x)throw p;return e.state.lastExitCode=1,e.state.env.set("?","1"),""}',
    'catch(q){if(q instanceof x)throw q;return e.state.expansionStderr=(e.state.expansionStderr||"")+(p===void 0?"":coppiceRefused(p,q)),e.state.lastExitCode=1,e.state.env.set("?","1"),""}',
  ],
  // A command that is not there is not found, whatever other builds of just-bash have.
  [
    "return ru(t)?D(`bash: ${t}: command not available in browser environments. Exclude '${t}' from your commands or use the Node.js bundle.\n`,127):D(",
    "return D(",
  ],
  // Names may have newlines.
  ["return ge(`^${n}$`)}patternToRegexStr", 'return ge(`^${n}$`,"s")}patternToRegexStr'],
  // What is written to a file whose folder was removed meanwhile is lost.
  [
    "A.append?await e.fs.appendFile(A.path,C,N):await e.fs.writeFile(A.path,C,N)",
    "await coppiceWritten(()=>A.append?e.fs.appendFile(A.path,C,N):e.fs.writeFile(A.path,C,N))",
  ],
  [
    'if(t.kind==="output")return await e.fs.appendFile(t.path,r,s),!0;',
    'if(t.kind==="output")return await coppiceWritten(()=>e.fs.appendFile(t.path,r,s)),!0;',
  ],
  ["await e.fs.writeFile(o.path,a,s);let c=co(l)", "await coppiceWritten(()=>e.fs.writeFile(o.path,a,s));let c=co(l)"],
];

/** What is replaced in the files of its commands, by a command that is there only where the file is bundled. */
const commandMendings: readonly (readonly [command: string, found: string, instead: string])[] = [
  // Integers of 64 bits, those of `%u`, `%o` and `%x` unsigned.
  [
    "printf",
    'function Q(e,l,n,r){let o=!1,i="";switch(l){',
    'function Q(e,l,n,r){if(l!==""&&"diuoxX".includes(l)){let q=coppicePrintfInteger(n,l),m=e.replace(/[hlL](?=.$)/,"");return{value:l==="o"?K(m,q.value):l==="x"||l==="X"?Y(m,q.value):P(m,q.value),parseError:q.error,parseErrMsg:q.message}}let o=!1,i="";switch(l){',
  ],
  ["printf", "t=l<0,s=Math.abs(l),a=String(s)", "t=l<0,s=t?-l:l,a=String(s)"],
  ["printf", "Math.abs(l).toString(8)", "l.toString(8)"],
  ["printf", "Math.abs(l).toString(16)", "l.toString(16)"],
  ["printf", "R&&(a=!0,W&&(f=W)),U)", "R&&(a=!0),W&&(f+=W),U)"],
  ["printf", "C&&(x=!0,b&&(p=b))", "C&&(x=!0),b&&(p+=b)"],
  // jq's formats.
  ["jq", 'case"@html":return', 'case"@html":if(typeof e!="string")e=JSON.stringify(e);return'],
  ["jq", 'case"@sh":return', 'case"@sh":if(typeof e!="string")return[coppiceQuoted(e)];return'],
  [
    "jq",
    'return o.includes(",")||o.includes(\'"\')||o.includes(`\n`)||o.includes("\\r")?`"${o.replace(/"/g,\'""\')}"`:o}).join(",")',
    'return`"${o.replace(/"/g,\'""\')}"`}).join(",")',
  ],
  [
    "jq",
    'String(r??"").replace(/\\t/g,"\\\\t").replace(/\\n/g,"\\\\n")',
    'String(r??"").replace(/\\\\/g,"\\\\\\\\").replace(/\\t/g,"\\\\t").replace(/\\n/g,"\\\\n").replace(/\\r/g,"\\\\r")',
  ],
  // jq speaks UTF-8, whatever the locale; all around it is bytes, a character each.
  [
    "jq",
    'async execute(i,t){K(t.requireDefenseContext,"jq","execution entry")',
    'async execute(i,t){let coppiceAscii=!1;i=i.map(coppiceDecoded);K(t.requireDefenseContext,"jq","execution entry")',
  ],
  ["jq", "F(t,q.map(e=>e.file),", "F(t,q.map(e=>coppiceEncoded(e.file)),"],
  ["jq", "y=L(r.files[e].content)", "y=coppiceDecoded(r.files[e].content)"],
  ["jq", "content:L(t.stdin)", "content:coppiceDecoded(t.stdin)"],
  ["jq", 'F(t,N,{cmdName:"jq"', 'F(t,N.map(coppiceEncoded),{cmdName:"jq"'],
  ["jq", "content:L(e.content)", "content:coppiceDecoded(e.content)"],
  ["jq", "let Q=I.join(y)", "let Q=coppiceEncoded(I.join(y))"],
  ["jq", "let e=B(r.message);return e.includes", "let e=coppiceEncoded(B(r.message));return e.includes"],
  ["jq", "env:t.env,namedArgs:$", "env:coppiceDecodedEnv(t.env),namedArgs:$"],
  // Its units of text are code points, by which it orders.
  ["jq", 'typeof n=="string"?e.localeCompare(n):0', 'typeof n=="string"?coppiceOrder(e,n):0'],
  ["jq", 'return e.localeCompare(n);if(typeof e=="boolean"', 'return coppiceOrder(e,n);if(typeof e=="boolean"'],
  ["jq", "o.has(f)||(o.add(f),p.push(u))}return[p]", "o.has(f)||(o.add(f),p.push(u))}return[p.sort(Z)]"],
  ["jq", "return[[...c.values()]]", "return[[...c].sort((h,a)=>p(JSON.parse(h[0]),JSON.parse(a[0]))).map(h=>h[1])]"],
  ["jq", "[Object.keys(e).sort()]", "[Object.keys(e).sort(coppiceOrder)]"],
  [
    "jq",
    'case"(":h+="\\\\(",a=1;break;default:h+=y',
    'case"(":h+="\\\\(",a=1;break;case"b":h+="\\b";break;case"f":h+="\\f";break;case"u":{let k="";for(;k.length<4&&!o();)k+=s();h+=coppiceUnit(k);break}default:h+=y',
  ],
  [
    "jq",
    'case"length":return typeof e=="string"?[e.length]',
    'case"length":return typeof e=="string"?[Array.from(e).length]',
  ],
  [
    "jq",
    "let o=s.length,p=n.start",
    'let coppiceText=typeof s=="string";if(coppiceText)s=Array.from(s);let o=s.length,p=n.start',
  ],
  ["jq", "return Array.isArray(s),s.slice(y,m)", 'return coppiceText?s.slice(y,m).join(""):s.slice(y,m)'],
  ["jq", "U(r,Ze(e,p,Be(r))),[e.split(p)]", 'U(r,Ze(e,p,Be(r))),[p===""?Array.from(e):e.split(p)]'],
  ["jq", "let r=new TextEncoder().encode(e);return[btoa(We(r))]", "return[coppiceBase64(e)]"],
  ["jq", 'let r=Xe(atob(e));return[new TextDecoder("utf-8",{fatal:!1}).decode(r)]', "return[coppiceUnbase64(e)]"],
  [
    "jq",
    "i=j(p,`${u}d`).exec(e);if(!i)return[];",
    'i=coppiceMatches(j(p,u.replace("g","")),e,u.includes("g"));return i;',
  ],
  // ASCII alone is printed where that is asked for: a raw string, too, in quotes then.
  [
    "jq",
    'else if(!(e==="-a"||e==="--ascii")){',
    'else if(e==="-a"||e==="--ascii"||e==="--ascii-output")coppiceAscii=!0;else{',
  ],
  ["jq", 'else if(n!=="a"){', 'else if(n==="a")coppiceAscii=!0;else{'],
  ["jq", "O=ee(o,w,{compact:a,raw:m,", "O=coppicePrintedJson(coppiceAscii,ee)(o,w,{compact:a,raw:m&&!coppiceAscii,"],
];

/** Everything that the bundle follows from, as text. */
export function shellSources(): string {
  const own = folders.flatMap((each) =>
    readdirSync(each)
      .filter((file) => file.endsWith(".ts"))
      .toSorted()
      .map((file) => [basename(each), file, readFileSync(join(each, file), "utf8")]),
  );
  const versions = ["just-bash", "esbuild"].map((name) => versionOf(name));
  return JSON.stringify([
    own,
    versions,
    ...[...shared, import.meta.filename].map((file) => readFileSync(file, "utf8")),
  ]);
}

function versionOf(name: string): string {
  const file = name === "just-bash" ? join(packageFolder, "package.json") : require.resolve(`${name}/package.json`);
  return (JSON.parse(readFileSync(file, "utf8")) as { version: string }).version;
}

/** The worker's script, and the licences of what is in it. */
export async function bundleShell(
  entry: string = "shell/shell.ts",
  commands: readonly string[] = kept,
): Promise<{ readonly code: Uint8Array; readonly licences: string }> {
  const { build } = await import("esbuild");
  const built = await build({
    entryPoints: [join(import.meta.dirname, entry)],
    absWorkingDir: folder,
    outfile: join(folder, "shell.js"),
    write: false,
    bundle: true,
    metafile: true,
    format: "iife",
    globalName: "shell",
    footer: { js: "module.exports=shell.default;" },
    target: "node24",
    platform: "browser",
    mainFields: ["module", "main"],
    conditions: ["production"],
    inject: injected(),
    define: {
      ...Object.fromEntries(
        ["setTimeout", "clearTimeout", "setInterval", "clearInterval"].map((name) => [`globalThis.${name}`, name]),
      ),
      [["process", "env", "NODE_ENV"].join(".")]: '"production"',
    },
    tsconfigRaw: { compilerOptions: { useDefineForClassFields: true, verbatimModuleSyntax: false } },
    minify: true,
    legalComments: "none",
    charset: "utf8",
    logLevel: "silent",
    plugins: [justBash(commands), nodeModules],
  });
  const [output] = built.outputFiles;
  if (output === undefined) throw new Error("the bundler wrote nothing");
  return { code: output.contents, licences: licencesOf(Object.keys(built.metafile.inputs)) };
}

/** Files whose exports stand for free names of just-bash's text. Throws where two have one of the same name, of which the bundler would take either. */
function injected(): string[] {
  const files = [
    "stand-ins.ts",
    "mended.ts",
    "mended-commands.ts",
    "integers.ts",
    "pipes.ts",
    "jobs.ts",
    "signals.ts",
    "umask.ts",
  ].map((file) => join(folder, file));
  const exported = /^export (?:async )?(?:function|const) (\w+)/gm;
  const names = files.flatMap((file) => Array.from(readFileSync(file, "utf8").matchAll(exported), ([, name]) => name));
  const twice = names.find((name, at) => names.indexOf(name) !== at);
  if (twice !== undefined) throw new Error(`two files export ${twice}`);
  return files;
}

const justBash = (commands: readonly string[]): Plugin => ({
  name: "just-bash",
  setup(bundler) {
    const unmended = new Set(commandMendings.filter(([command]) => commands.includes(command)));
    bundler.onEnd(() => {
      for (const [command, found] of unmended) throw new Error(`just-bash's ${command} has none of: ${found}`);
    });
    bundler.onResolve({ filter: /^just-bash$/ }, () => ({ path: mainFile }));
    // What it would load later belongs to commands that are not here.
    bundler.onResolve({ filter: /^/ }, ({ path, kind }) =>
      kind === "dynamic-import" && path !== interpreter ? { path, namespace: "absent", sideEffects: false } : undefined,
    );
    bundler.onLoad({ filter: /[\\/]just-bash[\\/]dist[\\/]bundle[\\/].*\.js$/ }, ({ path }) => {
      let text = readFileSync(path, "utf8").replace(
        /^import\{createRequire\} from"node:module";const require=createRequire\(import\.meta\.url\);/,
        "",
      );
      if (path === mainFile || path.endsWith(`${join("bundle", "index.js")}`)) {
        text = staticCommands(text, commands);
        for (const [found, instead] of mendings) text = replacedOnce(text, found, instead);
        text = indices(ownSubstitution(text));
      }
      if (text.includes("static CASE_ORBIT=")) text = lazyExpressions(lazyTables(text));
      for (const mending of commandMendings) {
        if (!text.includes(mending[1])) continue;
        text = replacedOnce(text, mending[1], mending[2]);
        unmended.delete(mending);
      }
      // Case is that of ASCII letters: text is bytes here, and another letter's second byte must not change.
      text = text
        .replaceAll(".toUpperCase()", ".replace(/[a-z]+/g,asciiUpper)")
        .replaceAll(".toLowerCase()", ".replace(/[A-Z]+/g,asciiLower)");
      return { contents: text, loader: "js" };
    });
  },
});

/** Commands are loaded by `import()`: those that are kept are imported, the others are gone. */
function staticCommands(text: string, kept: readonly string[]): string {
  const imports: string[] = [];
  let found = 0;
  const commands = /\{name:"([a-z0-9-]+)",load:async\(\)=>\(await import\("(\.\/chunks\/[\w-]+\.js)"\)\)\.(\w+)\}/g;
  const changed = text.replace(commands, (_, name: string, chunk: string, command: string) => {
    if (!kept.includes(name)) return `{name:"${name}"}`;
    found++;
    imports.push(`import{${command} as coppice_${command}}from"${chunk}";`);
    return `{name:"${name}",load:async()=>coppice_${command}}`;
  });
  if (found !== kept.length) throw new Error(`just-bash has ${found} of ${kept.length} commands`);
  return imports.join("") + changed;
}

/** The tables of Unicode are made when a regular expression asks for one, which is hardly ever: they are half of what a job costs. */
function lazyTables(text: string): string {
  const [head, start] = [
    /=class \w+\{static CASE_ORBIT=/.exec(text)?.[0] ?? "",
    text.search(/class \w+\{static CASE_ORBIT=/),
  ];
  let depth = 0;
  for (let at = text.indexOf("{", start); head !== "" && at < text.length; at++) {
    if (text[at] === "{") depth++;
    else if (text[at] === "}" && --depth === 0) {
      return `${text.slice(0, start)}coppiceLazy(()=>${text.slice(start, at + 1)})${text.slice(at + 1)}`;
    }
  }
  throw new Error("just-bash has no tables of Unicode where they were");
}

/**
 * The regular expressions' classes are made when one is first asked for. A job evaluates the whole bundle, and each class keeps all of its job's functions alive until the old generation is collected, so that collecting
 * the young one copies them.
 */
function lazyExpressions(text: string): string {
  const parts =
    /^((?:\s*import\{[^}]*\}from"[^"]*";)*)(.*?)(var (\w+)=class\{_regex;.*?);export\{(\w+) as a,\4 as b\};/s.exec(
      text,
    );
  if (parts === null) throw new Error("just-bash exports its regular expressions otherwise");
  const [whole, imports, classes, native, nativeName, make] = parts as unknown as string[];
  return (
    `${imports}const coppiceMaking=()=>{${classes}return ${make}};let coppiceMake;${native};` +
    `const coppiceExpression=(...given)=>(coppiceMake??=coppiceMaking())(...given);` +
    `export{coppiceExpression as a,${nativeName} as b};${text.slice(whole?.length)}`
  );
}

/** A command substitution within arithmetic runs in this shell, and knows its functions. */
function ownSubstitution(text: string): string {
  const other = /await e\.execFn\(([a-z.]+),\{signal:e\.state\.signal\}\)/g;
  const found = text.match(other)?.length ?? 0;
  if (found !== 4) throw new Error(`just-bash substitutes commands in arithmetic in ${found} places, not in 4`);
  return text.replace(other, "await coppiceSubstitute(e,$1,Ge)");
}

/** An array's index is arithmetic, too: `010` is 8, and what has no answer is not index 0. Where a part of a value begins and ends may be a double: no value is as long. */
function indices(text: string): string {
  const replaced = (pattern: RegExp, times: number, instead: string): void => {
    const found = text.match(pattern)?.length ?? 0;
    if (found !== times) throw new Error(`just-bash has ${found} of ${pattern.source}, not ${times}`);
    text = text.replace(pattern, instead);
  };
  replaced(
    /(=|return )await Y\((e,\w+\.expression(?:,!1)?)\)\}catch\{/g,
    11,
    "$1await coppiceIndexed($2)}catch(q){if(q instanceof ce)throw q;",
  );
  replaced(
    /=await Y\((e,\w+\.expression,!1)\)\}catch\(i\)\{/g,
    1,
    "=await coppiceIndexed($1)}catch(i){if(i instanceof ce)throw i;",
  );
  replaced(
    /if\(\/\^(?:-\?)?\\d\+\$\/\.test\((\w+)\)\)(\w+)=Number\.parseInt\(\1,10\);else/g,
    7,
    "if(/^(?:0|-?[1-9]\\d{0,14})$/.test($1))$2=Number.parseInt($1,10);else",
  );
  replaced(/await Y\((e,\w+\.(?:offset|length)\.expression)\)/g, 4, "Number(await Y($1))");
  return text;
}

function replacedOnce(text: string, found: string, instead: string): string {
  const parts = text.split(found);
  if (parts.length !== 2) throw new Error(`just-bash has ${parts.length - 1} of: ${found}`);
  return parts.join(instead);
}

/** Modules of Node's, for what only asks for them and does not use them. */
const nodeModules: Plugin = {
  name: "node-modules",
  setup(bundler) {
    bundler.onResolve({ filter: /^node:/ }, ({ path }) => ({ path, namespace: "absent", sideEffects: false }));
    bundler.onLoad({ filter: /^/, namespace: "absent" }, ({ path }) => ({
      contents:
        path === "node:async_hooks"
          ? "export class AsyncLocalStorage{run(_,work,...args){return work(...args)}getStore(){return undefined}}"
          : "module.exports={}",
      loader: "js",
    }));
  },
};

/** The licences of the packages that these files are of, which their authors want beside every copy. */
function licencesOf(files: readonly string[]): string {
  // re2js is in a chunk of just-bash's, and no module of its own.
  const folders = new Set([join(packageFolder, "..", "re2js")]);
  for (const file of files) {
    const [owner] = /^.*\/node_modules\/(?:@[^/]+\/)?[^/]+/.exec(join(folder, file).replaceAll("\\", "/")) ?? [];
    if (owner !== undefined) folders.add(owner);
  }
  const texts = [...folders].toSorted().map((owner) => {
    const { name, version } = JSON.parse(readFileSync(join(owner, "package.json"), "utf8")) as Record<string, string>;
    const licences = readdirSync(owner).filter((file) => /^(licen[cs]e|notice)/i.test(file));
    if (licences.length === 0) throw new Error(`${name} is bundled and has no licence`);
    const note = name === "just-bash" ? "Changed by Coppice: workers/bundle-shell.ts has what and why." : "";
    return [`${name} ${version}`, note, ...licences.map((file) => readFileSync(join(owner, file), "utf8"))]
      .filter(Boolean)
      .join("\n\n");
  });
  return texts.join("\n\n");
}

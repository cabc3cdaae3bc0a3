// node textmate.js GRAMMAR.json FILE.seq...: classes as classes.c prints them, by the engine that VS
// Code itself uses (npm's vscode-textmate and vscode-oniguruma).
"use strict";
const fs = require("fs");
const textmate = require("vscode-textmate");
const oniguruma = require("vscode-oniguruma");
const [grammarFile, ...files] = process.argv.slice(2);
const letters = [["comment", "c"], ["string", "t"], ["keyword.control", "k"], ["constant.numeric", "d"], ["keyword.other.unit", "d"]];

function letter(scopes) {
  for (const [scope, l] of letters) if (scopes.some((s) => s.startsWith(scope))) return l;
  return ".";
}
async function main() {
  const wasm = fs.readFileSync(require.resolve("vscode-oniguruma/release/onig.wasm"));
  await oniguruma.loadWASM(wasm.buffer.slice(wasm.byteOffset, wasm.byteOffset + wasm.length));
  const registry = new textmate.Registry({
    onigLib: Promise.resolve({
      createOnigScanner: (s) => new oniguruma.OnigScanner(s),
      createOnigString: (s) => new oniguruma.OnigString(s),
    }),
    loadGrammar: async () => textmate.parseRawGrammar(fs.readFileSync(grammarFile, "utf8"), grammarFile),
  });
  const grammar = await registry.loadGrammar("source.precess");
  for (const file of files) {
    let state = textmate.INITIAL;
    for (const line of fs.readFileSync(file, "utf8").replace(/\n$/, "").split("\n")) {
      const result = grammar.tokenizeLine(line, state);
      let out = "";
      for (const t of result.tokens)
        out += letter(t.scopes).repeat([...line.slice(t.startIndex, t.endIndex)].length);
      state = result.ruleStack;
      console.log(out);
    }
  }
}
main().catch((error) => { console.error(error); process.exit(1); });

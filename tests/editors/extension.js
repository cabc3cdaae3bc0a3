// node extension.js FOLDER PROGRAM: an unpacked .vsix, and its code with a stand-in for VS Code.
"use strict";
const assert = require("assert");
const fs = require("fs");
const Module = require("module");
const path = require("path");
const [root, program] = process.argv.slice(2);
const extension = path.join(root, "extension");
const json = (file) => JSON.parse(fs.readFileSync(path.join(extension, file), "utf8"));

// The manifests agree, and what they name is there.
const manifest = json("package.json");
const xml = fs.readFileSync(path.join(root, "extension.vsixmanifest"), "utf8");
for (const [name, value] of [["Id", manifest.name], ["Version", manifest.version], ["Publisher", manifest.publisher]])
  assert(new RegExp(`<Identity [^>]*\\b${name}="${value.replace(/\./g, "\\.")}"`).test(xml), name);
assert(xml.includes(`Value="${manifest.engines.vscode}"`));
for (const [, file] of xml.matchAll(/<Asset [^>]*Path="([^"]+)"/g)) assert(fs.existsSync(path.join(root, file)), file);
const { languages, grammars, snippets, commands } = manifest.contributes;
for (const file of [manifest.main, languages[0].configuration, grammars[0].path, snippets[0].path])
  assert(fs.existsSync(path.join(extension, file)), file);
json(languages[0].configuration);
assert.strictEqual(json(grammars[0].path).scopeName, grammars[0].scopeName);
const types = fs.readFileSync(path.join(root, "[Content_Types].xml"), "utf8");
for (const file of fs.readdirSync(root, { recursive: true }).map(String)) {
  const ending = path.extname(file);
  if (ending && file !== "[Content_Types].xml" && fs.statSync(path.join(root, file)).isFile())
    assert(types.includes(`Extension="${ending}"`), `${file} has no content type`);
}
for (const s of Object.values(json(snippets[0].path))) assert(s.prefix && s.body && s.description);

// What the code asks of VS Code, answered.
const registered = {}, warnings = [], shown = [], saved = [];
const file = path.resolve("sequences/fse.seq");
const panel = { webview: {}, onDidDispose() {} };
const documents = [
  { languageId: "precess", lineCount: 2, lineAt: (i) => ({ text: ["# made elsewhere", "[VERSION]"][i] }) },
  { languageId: "precess", lineCount: 1, lineAt: () => ({ text: "seq 1" }) },
];
const plain = [];
const vscode = {
  ViewColumn: { Beside: -2 },
  commands: { registerCommand: (name, f) => { registered[name] = f; } },
  languages: { setTextDocumentLanguage: (document, id) => plain.push([document, id]) },
  window: {
    activeTextEditor: { document: { languageId: "precess", fileName: file, isDirty: false } },
    createWebviewPanel: (...wanted) => { shown.push(wanted); return panel; },
    showErrorMessage: (text) => { throw new Error(text); },
    showWarningMessage: (text) => warnings.push(text),
  },
  workspace: {
    textDocuments: documents, onDidOpenTextDocument() {}, onDidSaveTextDocument: (f) => saved.push(f),
    getConfiguration: () => ({ get: () => program }),
  },
};
class LanguageClient {
  start() { return Promise.resolve(); }
  stop() { return Promise.resolve(); }
}
const load = Module._load;
Module._load = (name, ...rest) =>
  name === "vscode" ? vscode : name === "vscode-languageclient/node" ? { LanguageClient } : load(name, ...rest);
async function page(before) {
  for (let i = 0; i < 600 && (panel.webview.html ?? before) === before; i++)
    await new Promise((done) => setTimeout(done, 50));
  return panel.webview.html;
}
async function main() {
  const code = require(path.join(extension, manifest.main));
  await code.activate({ subscriptions: [] });
  assert.deepStrictEqual(plain, [[documents[0], "plaintext"]]); // Pulseq's file is left alone
  assert.deepStrictEqual(Object.keys(registered), commands.map((c) => c.command));
  await registered["precess.plot"]();
  const html = await page();
  assert(html && html.includes('"name":"fse"') && html.trimEnd().endsWith("</html>"));
  assert(shown.length === 1 && shown[0][3].enableScripts);
  panel.webview.html = "old";
  saved[0]({ fileName: file });
  assert.strictEqual(await page("old"), html);
  await code.deactivate();
}
main().catch((error) => { console.error(error); process.exit(1); });

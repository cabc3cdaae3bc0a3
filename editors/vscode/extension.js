// Starts `precess lsp` and shows the sequence diagram. Everything else the server does.
const vscode = require("vscode");
const { LanguageClient } = require("vscode-languageclient/node");
const { execFile } = require("child_process");
const fs = require("fs");
const os = require("os");
const path = require("path");

let client;

function program() {
  return vscode.workspace.getConfiguration("precess").get("path", "precess");
}

// Pulseq's files have the same ending; its text form has a [SECTION] where ours says `seq 1`.
function leavePulseqAlone(document) {
  if (document.languageId !== "precess") return;
  for (let i = 0; i < document.lineCount; i++) {
    const line = document.lineAt(i).text.trim();
    if (line === "" || line.startsWith("#")) continue;
    if (line.startsWith("[")) vscode.languages.setTextDocumentLanguage(document, "plaintext");
    return;
  }
}

function plot() {
  const editor = vscode.window.activeTextEditor;
  if (!editor || editor.document.languageId !== "precess") return;
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "precess-"));
  const svg = path.join(folder, "diagram.svg");
  execFile(program(), ["plot", editor.document.fileName, "-o", svg], (error, _out, text) => {
    if (error) {
      vscode.window.showErrorMessage(text || String(error));
    } else {
      const panel = vscode.window.createWebviewPanel(
        "precess.plot", "Sequence Diagram", vscode.ViewColumn.Beside);
      panel.webview.html = `<body style="background:white">${fs.readFileSync(svg, "utf8")}</body>`;
    }
    fs.rmSync(folder, { recursive: true, force: true });
  });
}

exports.activate = function (context) {
  vscode.workspace.textDocuments.forEach(leavePulseqAlone);
  context.subscriptions.push(
    vscode.workspace.onDidOpenTextDocument(leavePulseqAlone),
    vscode.commands.registerCommand("precess.plot", plot));
  client = new LanguageClient(
    "precess", "Precess",
    { command: program(), args: ["lsp"] },
    { documentSelector: [{ language: "precess" }] });
  return client.start();
};

exports.deactivate = () => client && client.stop();

// Starts `precess lsp` and shows the sequence diagram. Everything else the server does.
const vscode = require("vscode");
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

// The page of `precess plot`, drawn anew whenever its file is saved.
const panels = new Map();

function draw(file, panel) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "precess-"));
  const page = path.join(folder, "diagram.html");
  execFile(program(), ["plot", file, "-o", page], { maxBuffer: 1 << 26 }, (error, _out, text) => {
    if (error) vscode.window.showErrorMessage(text || String(error));
    else if (panels.get(file) === panel) panel.webview.html = fs.readFileSync(page, "utf8");
    fs.rmSync(folder, { recursive: true, force: true });
  });
}

async function plot() {
  const editor = vscode.window.activeTextEditor;
  if (!editor || editor.document.languageId !== "precess") return;
  const file = editor.document.fileName;
  if (editor.document.isDirty) await editor.document.save();
  let panel = panels.get(file);
  if (!panel) {
    panel = vscode.window.createWebviewPanel(
      "precess.plot", `Diagram: ${path.basename(file)}`,
      { viewColumn: vscode.ViewColumn.Beside, preserveFocus: true },
      { enableScripts: true, retainContextWhenHidden: true, localResourceRoots: [] });
    panels.set(file, panel);
    panel.onDidDispose(() => panels.delete(file));
  }
  draw(file, panel);
}

function redraw(document) {
  const panel = panels.get(document.fileName);
  if (panel) draw(document.fileName, panel);
}

// From npm; a package made without it still colours and draws.
function languageClient() {
  try {
    return require("vscode-languageclient/node").LanguageClient;
  } catch {
    return null;
  }
}

exports.activate = function (context) {
  vscode.workspace.textDocuments.forEach(leavePulseqAlone);
  context.subscriptions.push(
    vscode.workspace.onDidOpenTextDocument(leavePulseqAlone),
    vscode.workspace.onDidSaveTextDocument(redraw),
    vscode.commands.registerCommand("precess.plot", plot));
  const LanguageClient = languageClient();
  if (!LanguageClient) {
    vscode.window.showWarningMessage("Precess: this package lacks the language server's client.");
    return;
  }
  client = new LanguageClient(
    "precess", "Precess",
    { command: program(), args: ["lsp"] },
    { documentSelector: [{ language: "precess" }] });
  return client.start();
};

exports.deactivate = () => client && client.stop();

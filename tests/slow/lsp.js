// A client made of the protocol's reference library, in a workspace of its own. What the server
// answers is not compared with texts but used: edits are applied and the result is compiled.
'use strict';
const assert = require('assert');
const { spawn, spawnSync } = require('child_process');
const fs = require('fs');
const os = require('os');
const path = require('path');
const { pathToFileURL, fileURLToPath } = require('url');
const lsp = require('vscode-languageserver-protocol/node');
const { TextDocument } = require('vscode-languageserver-textdocument');

const program = process.argv[2];
const root = fs.mkdtempSync(path.join(os.tmpdir(), 'precess-lsp-'));
const env = { ...process.env, XDG_CACHE_HOME: path.join(root, 'cache'), NO_COLOR: '1' };
const uri = (p) => pathToFileURL(path.join(root, p)).href;
const read = (u) => fs.readFileSync(fileURLToPath(u), 'utf8');
const run = (...args) => spawnSync(program, args, { cwd: root, env, encoding: 'utf8' });

function write(p, text) {
  fs.mkdirSync(path.dirname(path.join(root, p)), { recursive: true });
  fs.writeFileSync(path.join(root, p), text);
}

// The hash of what the sequence that uses everything means: no rename may change it.
function meaning() {
  const r = run('check', '--json', 'work/use.seq', '--library-path', '.', '--library-path', 'lib');
  assert.strictEqual(r.status, 0, r.stdout);
  return JSON.parse(r.stdout).files[0].hash;
}

class Client {
  constructor() {
    this.server = spawn(program, ['lsp', '--stdio', '--library-path', root, '--library-path',
      path.join(root, 'lib')], { env, stdio: ['pipe', 'pipe', 'inherit'] });
    this.connection = lsp.createProtocolConnection(
      new lsp.StreamMessageReader(this.server.stdout), new lsp.StreamMessageWriter(this.server.stdin));
    this.documents = new Map();
    this.waiting = [];
    this.watched = [];
    this.connection.onNotification(lsp.PublishDiagnosticsNotification.type, (p) => {
      this.waiting = this.waiting.filter((w) => !w(p));
    });
    this.connection.onRequest(lsp.RegistrationRequest.type, (p) => { this.watched.push(...p.registrations); });
    this.connection.listen();
  }
  send(type, params) { return this.connection.sendRequest(type, params); }
  // The diagnostics of this version of a document, once they come.
  diagnostics(u, version) {
    return new Promise((done) => this.waiting.push((p) => {
      if (p.uri !== u || p.version !== version) return false;
      done(p.diagnostics);
      return true;
    }));
  }
  open(p) {
    const d = TextDocument.create(uri(p), 'precess', 1, fs.readFileSync(path.join(root, p), 'utf8'));
    const found = this.diagnostics(d.uri, 1);
    this.documents.set(d.uri, d);
    this.connection.sendNotification(lsp.DidOpenTextDocumentNotification.type, {
      textDocument: { uri: d.uri, languageId: 'precess', version: 1, text: d.getText() } });
    return found;
  }
  change(p, text) {
    const d = this.documents.get(uri(p));
    TextDocument.update(d, [{ text }], d.version + 1);
    const found = this.diagnostics(d.uri, d.version);
    this.connection.sendNotification(lsp.DidChangeTextDocumentNotification.type, {
      textDocument: { uri: d.uri, version: d.version }, contentChanges: [{ text }] });
    return found;
  }
  // Parameters of a request at the place of `^` in `mark`.
  at(p, mark) {
    const d = this.documents.get(uri(p));
    const offset = d.getText().indexOf(mark.replace('^', ''));
    assert(offset >= 0, `${mark} is not in ${p}`);
    return { textDocument: { uri: d.uri }, position: d.positionAt(offset + mark.indexOf('^')) };
  }
}

const textAt = (location) => {
  const d = TextDocument.create(location.uri, 'precess', 0, read(location.uri));
  return d.getText(location.range);
};

function apply(edit) {
  for (const [u, edits] of Object.entries(edit.changes)) {
    const d = TextDocument.create(u, 'precess', 0, read(u));
    fs.writeFileSync(fileURLToPath(u), TextDocument.applyEdits(d, edits));
  }
  return Object.keys(edit.changes).map((u) => path.relative(fs.realpathSync(root), fs.realpathSync(fileURLToPath(u)))).sort();
}

const legendOf = (result) => result.capabilities.semanticTokensProvider.legend.tokenTypes;

// [{ text, type }] of the protocol's five numbers a token.
function tokens(d, data, legend) {
  const list = [];
  let line = 0, character = 0;
  for (let i = 0; i < data.length; i += 5) {
    character = data[i] ? data[i + 1] : character + data[i + 1];
    line += data[i];
    const range = { start: { line, character }, end: { line, character: character + data[i + 2] } };
    list.push({ text: d.getText(range), type: legend[data[i + 3]] });
  }
  return list;
}

function workspace() {
  const parts = 'tests/golden/library/parts/shapes';
  for (const p of ['lobes.seq', 'pairs.seq', 'deep/soft.seq'])
    write(`shapes/${p}`, fs.readFileSync(`${parts}/${p}`, 'utf8'));
  write('gaps/gaps.seq', fs.readFileSync('tests/lsp/parts/packed/gaps.seq', 'utf8'));
  write('work/use.seq', fs.readFileSync('tests/lsp/parts/use.seq', 'utf8'));
  fs.mkdirSync(path.join(root, 'lib'));
  const built = run('build', 'gaps', '-o', 'lib/packed.seqlib');
  assert.strictEqual(built.status, 0, built.stderr);
}

async function definitions(c) {
  for (const [mark, file] of [['play bi^polar', 'shapes/pairs.seq'], ['l.tri^angle', 'shapes/lobes.seq'],
    ['play so^ft', 'shapes/deep/soft.seq'], ['= ha^lf', 'packed/gaps.seq'], ['play spo^iler', 'std/grads.seq']]) {
    const place = await c.send(lsp.DefinitionRequest.type, c.at('work/use.seq', mark));
    assert(fileURLToPath(place.uri).endsWith(file), `${mark}: ${place.uri}`);
    assert.strictEqual(textAt(place), mark.replace('^', '').split(/[ .]/).pop());
  }
  const hover = await c.send(lsp.HoverRequest.type, c.at('work/use.seq', '= ha^lf'));
  assert.match(hover.contents.value, /def half\(t: time\) -> time[^]*Half of a time/);
  const help = await c.send(lsp.SignatureHelpRequest.type, c.at('work/use.seq', 'gap = ^wait'));
  assert.match(help.signatures[0].parameters[help.activeParameter].label, /^gap/);
}

async function renames(c) {
  const before = meaning();
  for (const [mark, name, files] of [
    ['l.tri^angle', 'wedge', ['shapes/lobes.seq', 'shapes/pairs.seq', 'work/use.seq']],
    ['l.tu^rns', 'cycles', ['shapes/lobes.seq', 'work/use.seq']],
    ['g^ap = wait', 'pause', ['shapes/pairs.seq', 'work/use.seq']],
    ['as ^l', 'lobes', ['work/use.seq']]]) {
    const uses = await c.send(lsp.ReferencesRequest.type,
      { ...c.at('work/use.seq', mark), context: { includeDeclaration: true } });
    const edit = await c.send(lsp.RenameRequest.type, { ...c.at('work/use.seq', mark), newName: name });
    const edits = Object.values(edit.changes).flat();
    assert.strictEqual(edits.length, uses.length);
    assert.deepStrictEqual(apply(edit), files);
    assert.deepStrictEqual(await c.change('work/use.seq', read(uri('work/use.seq'))), []);
    assert.strictEqual(meaning(), before, mark);
  }
  await assert.rejects(c.send(lsp.RenameRequest.type, { ...c.at('work/use.seq', '= ha^lf'), newName: 'third' }),
    /library module packed.gaps/);
}

async function repairs(c) {
  const good = read(uri('work/use.seq'));
  for (const [from, to] of [['20deg', '20'], ['play soft', 'play sotf'], ['dwell = 20us', 'dwel = 20us'],
    ['import std.grads (spoiler)', 'import std.grads (shift)'], ['shapes.deep.soft', 'shapes.deep.sofd']]) {
    const wrong = await c.change('work/use.seq', good.replace(from, to));
    assert.notStrictEqual(wrong.length, 0, to);
    const d = c.documents.get(uri('work/use.seq'));
    const actions = await c.send(lsp.CodeActionRequest.type, {
      textDocument: { uri: d.uri }, range: wrong[0].range, context: { diagnostics: wrong } });
    assert(actions.length > 0, `no action for ${to}`);
    const mended = TextDocument.applyEdits(d, actions[0].edit.changes[d.uri]);
    assert.deepStrictEqual(await c.change('work/use.seq', mended), [], to);
  }
  await c.change('work/use.seq', good);
}

async function pages(c, legend) {
  const u = uri('work/use.seq');
  const d = c.documents.get(u), textDocument = { uri: u };
  const list = tokens(d, (await c.send(lsp.SemanticTokensRequest.type, { textDocument })).data, legend);
  const typed = (text) => new Set(list.filter((t) => t.text === text).map((t) => t.type));
  assert.deepStrictEqual([...typed('import')], ['keyword']);
  assert.deepStrictEqual([...typed('20deg')], ['number']);
  assert(typed('soft').has('function'));
  assert.strictEqual(list.map((t) => t.text).join(''), d.getText().replace(/\s/g, '').replace('"Importsofeverykind"', '"Imports of every kind"').replace('"apause"', '"a pause"'));
  const hints = await c.send(lsp.InlayHintRequest.type,
    { textDocument, range: { start: { line: 0, character: 0 }, end: { line: 99, character: 0 } } });
  assert(hints.some((h) => /lasts 1.28ms/.test(h.label)), JSON.stringify(hints));
  const symbols = await c.send(lsp.DocumentSymbolRequest.type, { textDocument });
  assert(symbols.every((s) => d.getText(s.selectionRange) === s.name));
  const offers = await c.send(lsp.CompletionRequest.type, c.at('work/use.seq', 'lobes.^'));
  assert(offers.items.some((i) => i.label === 'wedge'));
  await c.change('work/use.seq', d.getText().replace('play soft(flip = 20deg)', 'play   soft( flip=20deg )'));
  const edits = await c.send(lsp.DocumentFormattingRequest.type, { textDocument, options: { tabSize: 2, insertSpaces: true } });
  const formatted = spawnSync(program, ['fmt', '-'], { input: d.getText(), encoding: 'utf8' });
  assert.strictEqual(TextDocument.applyEdits(d, edits), formatted.stdout);
}

async function main() {
  workspace();
  const c = new Client();
  const result = await c.send(lsp.InitializeRequest.type, { processId: process.pid, rootUri: pathToFileURL(root).href,
    capabilities: { workspace: { didChangeWatchedFiles: { dynamicRegistration: true } } }, workspaceFolders: null });
  await c.connection.sendNotification(lsp.InitializedNotification.type, {});
  assert.deepStrictEqual(await c.open('work/use.seq'), []);
  assert.strictEqual(c.watched.length, 1);
  await definitions(c);
  await renames(c);
  await repairs(c);
  await pages(c, legendOf(result));
  await c.send(lsp.ShutdownRequest.type, undefined);
  const ended = new Promise((done) => c.server.on('exit', done));
  await c.connection.sendNotification(lsp.ExitNotification.type);
  assert.strictEqual(await ended, 0);
}

main().then(() => console.log('the client and the server understand each other'), (e) => {
  console.error(e);
  process.exitCode = 1;
}).finally(() => { fs.rmSync(root, { recursive: true, force: true }); process.exit(); });

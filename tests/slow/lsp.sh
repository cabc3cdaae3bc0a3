#!/bin/sh
# PROGRAM FOLDER: the language server driven by the protocol's own client library, which npm installs
# into FOLDER; skipped without node, npm or a way to install.
packages="vscode-languageserver-protocol@3.17.5 vscode-languageserver-textdocument@1.0.12"
command -v node >/dev/null && command -v npm >/dev/null || exit 77
mkdir -p "$2" || exit 77
if [ ! -d "$2/node_modules/vscode-languageserver-textdocument" ]; then
	(cd "$2" && echo '{ "private": true }' >package.json &&
		npm install --ignore-scripts --no-audit --no-fund --loglevel=error $packages) || exit 77
fi
NODE_PATH=$2/node_modules exec timeout 120 node tests/slow/lsp.js "$1"

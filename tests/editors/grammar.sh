#!/bin/sh
# grammar.sh CLASSES EDITOR [NPM_FOLDER]: the classes that an editor's grammar gives every character of
# the corpus, of the sequences and of the standard library are the compiler's. Blanks have none, but
# in comments and texts. Skipped where the editor is absent.
classes=$1
editor=$2
npm=$3
folder=$(mktemp -d) || exit 1
trap 'rm -rf "$folder"' EXIT
files=$(find tests/editors/corpus sequences stdlib -name '*.seq' | sort)
CLASSES=$folder/theirs
export CLASSES LC_ALL=C.UTF-8
case $editor in
vim)
	command -v vim >/dev/null || exit 77
	vim --version | grep -q '+syntax' || exit 77
	vim -es -N -u NONE -i NONE -n -c 'set rtp^=editors/vim' -S tests/editors/vim.vim $files </dev/null || exit 1
	;;
emacs)
	command -v emacs >/dev/null || exit 77
	emacs -Q --batch -l editors/emacs/precess-mode.el -l tests/editors/emacs.el $files >"$CLASSES" || exit 1
	;;
vscode)
	command -v node >/dev/null && command -v npm >/dev/null || exit 77
	mkdir -p "$npm" || exit 77
	if [ ! -d "$npm/node_modules/vscode-oniguruma" ] || [ ! -d "$npm/node_modules/vscode-textmate" ]; then
		(cd "$npm" && echo '{ "private": true }' >package.json &&
			npm install --ignore-scripts --no-audit --no-fund --loglevel=error \
				vscode-textmate@9.2.0 vscode-oniguruma@2.0.1) || exit 77
	fi
	NODE_PATH=$npm/node_modules node tests/editors/textmate.js \
		editors/vscode/syntaxes/precess.tmLanguage.json $files >"$CLASSES" || exit 1
	;;
*) exit 2 ;;
esac
"$classes" $files >"$folder/ours" || exit 1
awk '{ print FILENAME ":" FNR ": " $0 }' $files >"$folder/places"
paste -d '\n' "$folder/places" "$folder/ours" "$folder/theirs" | awk -v editor="$editor" '
	NR % 3 == 1 { place = $0 }
	NR % 3 == 2 { ours = $0 }
	NR % 3 == 0 {
		lines++
		gsub(/[ \t]/, " ", place)
		text = place
		sub(/^[^:]*:[0-9]*: /, "", text)
		if (ours != $0) {
			for (i = 1; i <= length(ours); i++)
				if (substr(text, i, 1) != " " && substr(ours, i, 1) != substr($0, i, 1)) {
					printf "%s\n  compiler %s\n  %s %s\n", place, ours, editor, $0
					wrong++
					break
				}
			if (length(ours) != length($0)) { print place ": lengths differ"; wrong++ }
		}
	}
	END {
		printf "%d lines, %d differ\n", lines, wrong
		exit wrong > 0 || lines < 500
	}'

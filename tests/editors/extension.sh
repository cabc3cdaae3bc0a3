#!/bin/sh
# extension.sh PROGRAM CMAKE: the extension for VS Code packs without a network into a .vsix that has
# all that its own manifest names, and, with node, its command shows the page of a sequence.
precess=$1
cmake=$2
folder=$(mktemp -d) || exit 1
trap 'rm -rf "$folder"' EXIT
"$cmake" -DOUT="$folder/p.vsix" -P editors/vscode/package.cmake >"$folder/log" 2>&1 || { cat "$folder/log"; exit 1; }
[ "$(ls "$folder")" = "$(printf 'log\np.vsix')" ] || { echo "packing left files"; exit 1; }
mkdir "$folder/x" || exit 1
(cd "$folder/x" && "$cmake" -E tar xf ../p.vsix) || exit 1
for file in '[Content_Types].xml' extension.vsixmanifest extension/package.json extension/LICENSE.txt; do
	[ -s "$folder/x/$file" ] || { echo "$file is not in the package"; exit 1; }
done
find "$folder/x" -name '*.in' | grep . && exit 1
command -v node >/dev/null || exit 77
node tests/editors/extension.js "$folder/x" "$precess"

#!/bin/sh
# What TAB offers in a shell: every command, a command's options, files. `completion.sh PROGRAM SHELL`
set -eu
program=$1 shell=$2
command -v "$shell" >/dev/null 2>&1 || { echo "skipped: no $shell"; exit 77; }
root=$(pwd)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
ln -s "$program" "$folder/precess"
PATH=$folder:$PATH
HOME=$folder
export PATH HOME root
cd "$folder"
: >own.seq

# offers WORD...: the last word is completed; what is offered, a line each
case $shell in
bash)
	offers() {
		bash --norc -c '. "$root/editors/bash/precess"
			COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
			compopt() { :; }
			_precess
			printf "%s\n" "${COMPREPLY[@]}"' bash "$@"
	}
	;;
zsh) # its own part, which prints instead of showing a menu
	offers() {
		zsh -f -c 'words=("$@") CURRENT=$#
			_describe() { print -l -- ${(P)2} }
			_files() { print -l -- * }
			compdef() { : }
			set --
			functions[_precess]="$(<$root/editors/zsh/_precess)"
			_precess' zsh "$@" | sed 's/:.*//'
	}
	;;
fish)
	offers() {
		fish --no-config -c 'source $root/editors/fish/precess.fish; complete -C "$argv"' -- "$@" |
			cut -f 1
	}
	;;
esac
wants() {
	want=$1
	shift
	offers "$@" >offered 2>message || { cat message; echo "FAILED: $*"; exit 1; }
	[ ! -s message ] || { cat message; echo "FAILED: $*: complains"; exit 1; }
	grep -qxF -e "$want" offered || { cat offered; echo "FAILED: $*: does not offer $want"; exit 1; }
}

for name in $(precess help | sed -n 's/^  precess \([a-z]*\) .*/\1/p') help; do
	wants "$name" precess ''
done
wants simulate precess sim
wants --tolerance precess simulate --tol
wants --output precess simulate own.seq --o
wants --samples precess generate --sam
wants own.seq precess simulate ow

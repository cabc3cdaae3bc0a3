#!/bin/sh
# precess plot: iterations of loops choose what is drawn, and are refused with what there is; the
# page's own script, run by node where there is one, agrees with the page's data.
precess=$1
root=$(pwd)
folder=$(mktemp -d) || exit 1
trap 'rm -rf "$folder"' EXIT
cd "$folder" || exit 1
failed=0

fail() {
	failed=$((failed + 1))
	echo "FAILED: $*"
}

refuse() {
	want=$1
	text=$2
	shift 2
	"$precess" plot "$root/sequences/fse.seq" -o a.svg "$@" >output 2>message
	status=$?
	[ $status -eq "$want" ] || fail "plot $*: exit status $status, not $want"
	grep -qF -e "$text" message || fail "plot $*: says '$(cat message)', not '$text'"
	[ ! -e a.svg ] || fail "plot $*: left a file"
}

refuse 2 "--loop wants NAME=NUMBER, as in --loop shot=2; found 'shot'" --loop shot
refuse 2 "found '=2'" --loop =2
refuse 2 "found 'shot='" --loop shot=
refuse 2 "found 'shot=2x'" --loop shot=2x
refuse 2 "give one" --loop shot=2 --to 20ms
refuse 3 "--loop shot=8: fse plays shot from 0 to 7" --loop shot=8
refuse 3 "--loop hot=1: fse has no loop of this name; a block of it is at shot=" --loop hot=1
refuse 3 "from 0 to" --loop shot=1 --loop echo=500
precess_fid=$root/sequences/01_fid.seq
"$precess" plot "$precess_fid" --loop n=1 -o a.svg >output 2>message && fail "a loop where there is none"
grep -qF "has no loops" message || fail "no loops: $(cat message)"

# The window of an iteration is that of its blocks.
"$precess" plot "$root/sequences/fse.seq" --loop shot=2 -o shot.html >output || fail "shot=2"
"$precess" plot "$root/sequences/fse.seq" --loop shot=2 --loop echo=3 -o echo.html >output || fail "echo=3"
"$precess" plot "$root/sequences/fse.seq" --loop shot=2 -o shot.svg >output || fail "svg"
"$precess" plot "$root/sequences/10_spiral.seq" -o spiral.html >output || fail "spiral"
"$precess" plot "$root/sequences/08_slice_select.seq" -o slice.html >output || fail "slice"
if command -v node >/dev/null; then
	for page in shot echo spiral slice; do
		node "$root/tests/system/page.js" $page.html || fail "$page.html"
	done
fi
[ $failed -eq 0 ]

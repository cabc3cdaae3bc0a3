#!/bin/sh
# T2 maps from files: formats agree, maps are scored against their object, and what is wrong is told.
set -eu
precess=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fail() { echo "FAILED: $*" >&2; exit 1; }

simulate() { "$precess" simulate "$@" -q >"$work/log" 2>&1 || { cat "$work/log"; fail "simulate $*"; }; }
# refuse STATUS TEXT COMMAND...: fails so, says so, leaves no map
refuse() {
	status=$1 text=$2
	shift 2
	rm -f "$work/out.h5"
	rc=0
	"$precess" "$@" >"$work/log" 2>&1 || rc=$?
	[ "$rc" = "$status" ] || { cat "$work/log"; fail "$* gave $rc, wanted $status"; }
	grep -q -e "$text" "$work/log" || { cat "$work/log"; fail "$*: no word of '$text'"; }
	[ ! -e "$work/out.h5" ] || fail "$* left a file"
}
number() { sed -n "s/^ *\"$1\": \\([-0-9.e]*\\),*\$/\\1/p" "$2"; }
holds() { awk "BEGIN { exit !($1) }" || fail "not so: $1"; }

for te in 35 60 90; do
	simulate sequences/se_multi.seq --object head:3 --set TE=${te}ms --spins 256 -o "$work/$te.h5"
done
images="$work/35.h5 $work/60.h5 $work/90.h5"

# shellcheck disable=SC2086
"$precess" map $images -o "$work/T2.h5" --png "$work/T2" -q >"$work/log"
grep -q 'TE 35, 60, 90 ms' "$work/log" || fail "echo times of the files"
"$precess" map "$work/90.h5" "$work/35.h5" "$work/60.h5" --te 90ms,35ms,60ms -o "$work/T2.nii.gz" -q >"$work/log"
[ -s "$work/T2.png" ] && [ -s "$work/T2-residual.nii.gz" ] || fail "companions"

# one truth for both formats
for map in T2.h5 T2.nii.gz; do
	"$precess" evaluate "$work/$map" --truth head:3 --png "$work/e" --json >"$work/$map.json"
	holds "$(number slope "$work/$map.json") > 0.9 && $(number slope "$work/$map.json") < 1.1"
	holds "$(number mae_ms "$work/$map.json") < 2"
	[ -s "$work/e-regression.png" ] && [ -s "$work/e-bland-altman.png" ] && [ -s "$work/e-error.png" ] ||
		fail "pictures"
done
holds "($(number r2 "$work/T2.h5.json") - $(number r2 "$work/T2.nii.gz.json"))^2 < 1e-8"
"$precess" evaluate "$work/T2.h5" --truth head:4 --json >"$work/other.json"
holds "$(number mae_ms "$work/other.json") > 2"

# a mask from a file keeps what is not 0
"$precess" map "$work/35.h5" "$work/60.h5" --mask "$work/T2.h5:/maps/T2" --json -q >"$work/mask.json"
"$precess" map "$work/35.h5" "$work/60.h5" --mask none --json -q >"$work/all.json"
holds "$(number voxels "$work/mask.json") < 12000 && $(number voxels "$work/all.json") == 16384"

simulate sequences/02_spin_echo.seq --object head:3 --spins 64 -o "$work/small.h5"
refuse 3 'one matrix' map "$work/35.h5" "$work/small.h5" -o "$work/out.h5"
refuse 3 'two images have the echo time 35 ms' map "$work/35.h5" "$work/35.h5" -o "$work/out.h5"
refuse 3 '2 echoes or more' map "$work/35.h5" -o "$work/out.h5"
refuse 3 'does not tell the echo time\|--te' map "$work/T2.h5:/maps/M0" "$work/T2.h5:/maps/T2" -o "$work/out.h5"
refuse 2 'fewer times' map "$work/35.h5" "$work/60.h5" --te 35ms -o "$work/out.h5"
refuse 2 'more times' map "$work/35.h5" "$work/60.h5" --te 35ms,60ms,90ms -o "$work/out.h5"
refuse 2 'times with units' map "$work/35.h5" "$work/60.h5" --te 35,60 -o "$work/out.h5"
refuse 3 'needs the sequence' map "$work/35.h5" "$work/60.h5" --method stimulated -o "$work/out.h5"
refuse 3 'no dataset /nothing' map "$work/35.h5:/nothing" -o "$work/out.h5"
refuse 3 'mask' map "$work/35.h5" "$work/60.h5" --mask "$work/small.h5" -o "$work/out.h5"
refuse 2 'knows' map "$work/35.h5" --method magic -o "$work/out.h5"
refuse 2 'rising' map "$work/35.h5" --t2 2s,1s -o "$work/out.h5"
refuse 3 'No such file' map "$work/absent.h5" -o "$work/out.h5"
refuse 3 'too few' evaluate "$work/T2.h5" --truth uniform --t2 300ms,400ms
echo ok

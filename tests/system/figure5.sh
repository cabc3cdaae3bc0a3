#!/bin/sh
# Figure 5 of Huang et al. as a command: too few spins fold coherence pathways into the window. With
# 128 x 128 spins the image is wrong (magnitude PSNR below 30 dB) and there are echoes that should not
# be, with 512 x 512 it is right (above 50 dB); the warning names grid, pathway and cure.
precess=$1
folder=$(mktemp -d) || exit 1
trap 'rm -rf "$folder"' EXIT
failed=0

fail() {
	failed=$((failed + 1))
	echo "FAILED: $*"
}

# row N: the lines of the row of N x N spins; number N NAME: a number of it.
row() {
	awk -v spins="$1" '$1 == "\"spins\":" { on = $2 + 0 == spins } on' "$folder/out.json"
}
number() {
	row "$1" | awk -v name="\"$2\":" '$1 == name { print $2 + 0 }'
}
holds() {
	awk "BEGIN { exit !($*) }" || fail "$*"
}

"$precess" bench grid sequences/moled.seq --object head:1 --json >"$folder/out.json" || exit 1
holds "$(number 128 psnr_db) < 30"
holds "$(number 512 psnr_db) > 50"
holds "$(number 256 psnr_db) > $(number 128 psnr_db)"
holds "$(number 512 psnr_db) > $(number 256 psnr_db)"
holds "$(number 128 largest_difference) > 0.05"   # an echo too many, relative to the highest
holds "$(number 512 largest_difference) < 0.005"
row 128 | grep -q '128 x 128 spins fold the coherence pathway [-+0]* into .*; --spins 256 does not' ||
	fail "128 x 128: no warning"
row 512 | grep -q 'spins fold' && fail "512 x 512: warned for nothing"

# `simulate` warns, too, and says so on standard error only.
"$precess" simulate sequences/moled.seq --spins 128 --quiet >"$folder/out" 2>"$folder/message" || exit 1
grep -q 'warning: 128 x 128 spins fold the coherence pathway' "$folder/message" || fail "simulate: no warning"
grep -q warning "$folder/out" && fail "simulate: a warning on standard output"

[ $failed -eq 0 ] || cat "$folder/out.json"
[ $failed -eq 0 ]

#!/bin/sh
# A sweep over grids: one heading, a row for each file and size in the order given, each with what the
# cost model says; errors that were measured below their bounds.
precess=$1
folder=$(mktemp -d) || exit 1
trap 'rm -rf "$folder"' EXIT
fail() {
	echo "FAILED: $*"
	cat "$folder/table" "$folder/err"
	exit 1
}

"$precess" bench simulate sequences/gre_epi.seq sequences/fse.seq --spins 48,32,64 --repeats 2 \
	>"$folder/table" 2>"$folder/err" || fail "bench simulate"
[ ! -s "$folder/err" ] || fail "messages"
[ "$(grep -c '^sequence  *spins .* ms *model ms ' "$folder/table")" -eq 1 ] || fail "one heading"
awk '$1 == "gre_epi" || $1 == "fse" { print $1, $2 }' "$folder/table" >"$folder/rows"
printf '%s\n' 'gre_epi 48' 'gre_epi 32' 'gre_epi 64' 'fse 48' 'fse 32' 'fse 64' |
	cmp -s - "$folder/rows" || fail "rows in order"
# sequence spins live % tolerance method ms model direct ratio bound measured
awk '$1 == "gre_epi" || $1 == "fse" {
	n++
	if (!($7 > 0 && $8 > 0 && $8 < 1000 * $7 && $7 < 1000 * $8 && $9 > 0 && $12 > 0 && $12 <= $11))
		bad = 1
} END { exit bad || n != 6 }' "$folder/table" || fail "times, bounds and errors"

# The model grows with the grid, and nearly fourfold where spins are all that counts.
"$precess" bench simulate sequences/fse.seq --spins 64,512,1024 --repeats 1 --threads 1 \
	>"$folder/table" 2>"$folder/err" || fail "bench simulate fse"
awk '$1 == "fse" { model[$2] = $8 } END {
	exit !(model[64] < model[512] && model[1024] / model[512] > 3 && model[1024] / model[512] < 5)
}' "$folder/table" || fail "the model's growth"

#!/bin/sh
# The shipped models: each works on its own with the library of today, stands for the sequence of its
# name, and scores on four unseen samples what its card says, within what four samples can vary.
precess=$1
folder=$(mktemp -d) || exit 1
trap 'rm -rf "$folder"' EXIT
failed=0

# score NAME LEAST: PSNR in dB
score() {
	"$precess" evaluate "models/$1.h5" "sequences/$1.seq" -n 4 --seed 5 --threads 1 --network-only \
		-q --json >"$folder/out.json" || { failed=1; return; }
	awk -v least="$2" -v name="$1" '
		$1 == "\"psnr_db\":" { psnr = $2 + 0; exit }
		END { if (!(psnr > least)) { print "FAILED: " name ": " psnr " dB"; exit 1 } }
	' "$folder/out.json" || failed=1
}

score moled 49
score gre_epi 44
score fse 51
exit $failed

#!/bin/sh
# BART makes our image of our data: `fft` of what was sorted onto the matrix, to single precision, and
# `nufft` of spokes up to what two methods of gridding differ by.
precess=$1
command -v bart >/dev/null || { echo "no bart"; exit 77; }
folder=$(mktemp -d) || exit 1
trap 'rm -rf "$folder"' EXIT
failed=0

fail() {
	failed=$((failed + 1))
	echo "FAILED: $*"
}
simulate() {
	"$precess" simulate "sequences/$1.seq" --object head:1 --spins 128 --tolerance 1e-3 --quiet \
		-o "$folder/$1.cfl" >/dev/null 2>&1 || fail "simulate $1"
}
sizes() { # of $1 are $2
	[ "$(sed -n 2p "$folder/$1.hdr" | sed 's/\( 1\)* *$//')" = "$2" ] ||
		fail "$1: $(sed -n 2p "$folder/$1.hdr")"
}

for name in fse gre_epi 05_multi_echo; do
	simulate $name
	bart fft -i 3 "$folder/$name" "$folder/image" || fail "bart fft $name"
	bart nrmse -t 0.00001 "$folder/${name}_image" "$folder/image" || fail "$name: another image"
	bart fft 3 "$folder/$name" "$folder/image" # the other sign: it must be told
	bart nrmse -t 0.1 "$folder/${name}_image" "$folder/image" && fail "$name: any image passes"
done
sizes gre_epi "128 128"
sizes 05_multi_echo "64 64 1 1 1 8" # echoes are BART's fifth dimension

simulate 09_radial
sizes 09_radial "1 128 101"
sizes 09_radial_traj "3 128 101"
bart nufft -i -t -m 40 -d 64:64:1 "$folder/09_radial_traj" "$folder/09_radial" "$folder/image" >/dev/null ||
	fail "bart nufft"
bart nrmse -s -t 0.06 "$folder/09_radial_image" "$folder/image" || fail "spokes: another image"
[ $failed -eq 0 ]

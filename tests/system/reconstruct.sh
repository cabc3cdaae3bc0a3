#!/bin/sh
# The way from raw data to an image on the command line: a simulation as a scan of one coil comes back
# as it was, in both formats; what cannot be done is refused with a reason, and leaves nothing.
precess=$1
root=$(pwd)
folder=$(mktemp -d) || exit 1
trap 'rm -rf "$folder"' EXIT
mkdir "$folder/run" || exit 1
cd "$folder/run" || exit 1
failed=0
moled=$root/sequences/moled.seq

fail() {
	failed=$((failed + 1))
	echo "FAILED: $*"
	sed 's/^/    /' ../message
}

# wants TEXT COMMAND...: succeeds and prints TEXT.
wants() {
	text=$1
	shift
	"$@" >../message 2>&1 || fail "$*: exit status $?"
	grep -qF -e "$text" ../message || fail "$*: does not say '$text'"
}

# refuse STATUS TEXT ARGUMENT...
refuse() {
	want=$1
	text=$2
	shift 2
	"$precess" reconstruct "$@" >../output 2>../message
	status=$?
	[ $status -eq "$want" ] || fail "reconstruct $*: exit status $status, not $want"
	[ ! -s ../output ] || fail "reconstruct $*: wrote to standard output"
	grep -qF -e "$text" ../message || fail "reconstruct $*: does not say '$text'"
	left=$(find . ! -name .)
	[ -z "$left" ] || fail "reconstruct $*: left $left"
	rm -rf ./* ./.[!.]*
}

scan=../scan.h5
"$precess" simulate "$moled" --set ESP=0.4ms --spins 128 -o $scan -q >../message 2>&1 || fail "simulate"

# --- what comes out ---
wants 'raw       ../scan.h5: 1 coil, 128 of 128 lines, 128 samples' "$precess" reconstruct $scan -o image.h5
wants '"ESP": 0.00040' "$precess" reconstruct $scan --sequence "$moled" --set ESP=0.4ms -o image.h5 \
	--png image --json
wants 'at (18, 48) cells, expected at (18, 48)' "$precess" reconstruct image.h5 --sequence "$moled"
wants 'wrote     image.nii.gz' "$precess" reconstruct image.h5 -o image.nii.gz
wants 'combine   rss' "$precess" reconstruct $scan --combine rss --threads 1
[ -s image.png ] && [ -s image.nii.gz ] || fail "picture or volume missing"
"$precess" simulate "$moled" --set ESP=0.4ms --spins 128 -o ../scan.mrd -q >../message 2>&1 || fail "simulate"
for form in h5 mrd; do
	wants '1 coil, 128 of 128 lines, 128 samples' "$precess" reconstruct ../scan.$form --sequence "$moled"
	grep '^echo' ../message >$form.echoes
done
cmp h5.echoes mrd.echoes >../message 2>&1 || fail "HDF5 and ISMRMRD differ"
rm -f ./*

# --- several coils ---
"$precess" simulate "$moled" --spins 128 --coils 8 -o coils.mrd --png coils -q >../message 2>&1 ||
	fail "simulate --coils"
"$precess" simulate "$moled" --spins 128 --coils 8 -o coils.h5 -q >../message 2>&1 ||
	fail "simulate --coils"
[ -s coils.png ] || fail "picture of coils missing"
for form in h5 mrd; do
	wants '8 coils, 128 of 128 lines, 128 samples' "$precess" reconstruct coils.$form -o $form.h5
	wants 'at (18, 48) cells, expected at (18, 48)' "$precess" reconstruct $form.h5 --sequence "$moled"
done
wants 'coils     8' "$precess" simulate "$moled" --object coils.h5 --spins 32 -q -o again.h5
"$precess" simulate "$moled" --spins 32 --coils 2 -o coils.nii -q >../message 2>&1 &&
	fail "NIfTI took several coils"
grep -qF '2 coils have as many images' ../message || fail "NIfTI and coils: no reason"
[ ! -e coils.nii ] || fail "NIfTI and coils: left a file"
rm -f ./*

# --- a field of view that is not in the file: named, it is as if it were ---
bare=../bare.h5
LC_ALL=C sed 's/fov\x00/fo_\x00/g' $scan >$bare # the attribute's name, of the same length
wants 'wrote' "$precess" reconstruct $scan -o told.nii
wants 'wrote' "$precess" reconstruct $bare --fov 220mm -o bare.nii
cmp told.nii bare.nii >../message 2>&1 || fail "--fov is not the attribute"
wants 'wrote' "$precess" reconstruct $bare --fov 220mm,180mm -o flat.nii
cmp -s told.nii flat.nii && fail "--fov of two lengths"
wants 'T2 ' "$precess" map "$moled" $bare --fov 220mm
rm -f ./*
refuse 3 'as in --fov 220mm' $bare -o image.nii
refuse 2 '--fov wants a length with its unit, as in 220mm' $bare --fov 220
refuse 2 '--fov: too many lengths' $bare --fov 1mm,2mm,3mm
refuse 3 'names 0.2 m along x, but' $scan --fov 200mm

# --- what is refused ---
refuse 2 'which file?'
refuse 2 'one file at a time' $scan $scan
refuse 2 '--set wants a --sequence' $scan --set ESP=0.4ms
refuse 2 '--kernel wants samples x lines, as in 5x2' $scan --kernel 5
refuse 2 '--phase is line, coil, pixel or none' $scan --phase linear
refuse 2 '--combine is walsh or rss' $scan --combine sum
refuse 2 'ends in .h5, .nii or .nii.gz' $scan -o image.mrd
refuse 2 'did you mean --lambda?' $scan --lamda 1
refuse 3 'cannot read nowhere.h5: No such file' nowhere.h5
refuse 3 'is not an HDF5 file' "$moled"
refuse 3 'has no navigator' $scan --phase line -o image.h5
refuse 3 'acceleration 2 was declared, but the lines' $scan --acceleration 2 -o image.h5
refuse 3 'has no dataset coils/kspace (it has: ' $scan --kspace coils/kspace -o image.h5
refuse 3 'as in 5x2 or 5x4; not 4x2' $scan --kernel 4x2 -o image.h5
refuse 3 'has an odd side' $scan --window 4 -o image.h5
refuse 3 'cannot write no/image.h5' $scan -o no/image.h5
refuse 1 'error[E60]: ESP 5ms is outside' $scan --sequence "$moled" --set ESP=5ms -o image.h5
refuse 3 'has a matrix of' $scan --sequence "$root/sequences/01_fid.seq" -o image.h5

echo "$failed failures"
[ $failed -eq 0 ]

#!/bin/sh
# Whatever a user gives wrong is refused: the message says what, where and what to do, the exit status
# says whose mistake it was (1 sequence, 2 command line, 3 the world), standard output stays empty and
# no file is left, neither a part of one nor a temporary one.
precess=$1
root=$(pwd)
folder=$(mktemp -d) || exit 1
trap 'rm -rf "$folder"' EXIT
mkdir "$folder/in" "$folder/run" "$folder/locked" || exit 1
cd "$folder/run" || exit 1
failed=0
seq=$root/sequences/gre_epi.seq

fail() {
	failed=$((failed + 1))
	echo "FAILED: $*"
	sed 's/^/    /' ../message
}

# refuse STATUS TEXT ARGUMENT...: TEXT (several, separated by |, all wanted) is in the message.
refuse() {
	want=$1
	texts=$2
	shift 2
	"$precess" "$@" >../output 2>../message
	status=$?
	[ $status -eq "$want" ] || fail "precess $*: exit status $status, not $want"
	[ ! -s ../output ] || fail "precess $*: wrote to standard output"
	rest="$texts|"
	while [ -n "$rest" ]; do
		grep -qF -e "${rest%%|*}" ../message || fail "precess $*: does not say '${rest%%|*}'"
		rest=${rest#*|}
	done
	left=$(find . ../locked ! -name . ! -name locked)
	[ -z "$left" ] || fail "precess $*: left $left"
	rm -rf ./* ../locked/* ./.[!.]*
}

# --- sequences ---
printf 'seq 1\nsequence a\nsystem = ideal\nplay hard(90deg,\n' >../in/syntax.seq
printf 'seq 1\nsequence a\nsystem = ideal\nplay hard(90deg, 1ms)\n' >../in/silent.seq
printf '# Pulseq sequence file\n# Created by hand\n\n[VERSION]\nmajor 1\nminor 4\nrevision 0\n' >../in/text.seq
printf '\001pulseq\002\001\000\000\000' >../in/binary.seq
: >../in/empty.seq
dd if=/dev/zero of=../in/zeros.seq bs=1000 count=3 2>/dev/null
awk 'BEGIN { for (i = 0; i < 200000; i++) printf "no sequence " }' >../in/long.seq
for command in check explain plot simulate; do
	refuse 1 'syntax.seq:4:17: error[E02]: expected|not closed' $command ../in/syntax.seq
	refuse 1 'empty.seq:1:1: error[E05]: this file is empty|help: ' $command ../in/empty.seq
	refuse 1 'zeros.seq:1:1: error[E05]: |help: ' $command ../in/zeros.seq
	refuse 3 'text.seq:8: the file ends without [BLOCKS]' $command ../in/text.seq
	refuse 3 'binary.seq:byte 8: the file ends in its version; is it whole?' $command ../in/binary.seq
	refuse 3 'cannot read nowhere.seq: No such file' $command nowhere.seq
	refuse 3 'cannot read ../in: it is a folder' $command ../in
	refuse 1 'error[E60]: TE 500ms is outside 40ms .. 80ms|gre_epi.seq:' $command "$seq" --set TE=500ms
	refuse 1 'error[E61]: no parameter or constant `TEE`|did you mean `TE`' $command "$seq" --set TEE=50ms
	refuse 1 'error[E11]: `TE` wants a time, found the plain number|help: write' $command "$seq" --set TE=5
	refuse 1 'error[E11]: `TE` wants a time, found a frequency' $command "$seq" --set TE=5Hz
	refuse 1 'error[E02]: ' $command "$seq" --set 'TE=50ms)'
	for form in TE = =50ms TE= ''; do
		refuse 2 "--set wants NAME=VALUE|found '$form'" $command "$seq" --set "$form"
	done
	refuse 2 '--set wants a value' $command "$seq" --set
	refuse 2 'there is no option --sett; did you mean --set?' $command "$seq" --sett TE=50ms
	refuse 2 'there is no option -z' $command -z "$seq"
	refuse 2 "precess $command: which file?|usage: precess $command" $command
done
refuse 1 'silent.seq:2:10: error[E62]: this sequence has no readout|play adc' simulate ../in/silent.seq -o out.h5
for command in explain plot simulate; do
	refuse 2 'epi.seq is a module: it plays nothing by itself' $command "$root/stdlib/epi.seq"
	refuse 2 'one file at a time' $command "$seq" "$seq"
done
refuse 1 'long.seq:1:1: error[E05]: ' check ../in/long.seq
"$precess" check ../in/long.seq 2>../message
[ "$(wc -c <../message)" -lt 5000 ] || fail "a long line is printed whole"

# --- the command line ---
refuse 2 "no command 'simulat'; did you mean 'simulate'?" simulat "$seq"
refuse 2 "no command 'nonsense'; \`precess help\` lists them" nonsense
refuse 2 '`precess COMMAND --help`'
refuse 2 '--spins must be in 1 .. 16384, found 0' simulate "$seq" --spins 0
refuse 2 '--spins must be in 1 .. 16384, found -4' simulate "$seq" --spins -4
refuse 2 "--spins wants a whole number, found '2.5'" simulate "$seq" --spins 2.5
refuse 2 "--spins wants a whole number, found 'many'" simulate "$seq" --spins=many
refuse 2 '--spins must be in 1 .. 16384, found 1e300' simulate "$seq" --spins 1e300
refuse 2 '--tolerance must be in 1e-14 .. 1, found 0' simulate "$seq" --tolerance 0
refuse 2 '--tolerance must be in 1e-14 .. 1, found nan' simulate "$seq" --tolerance nan
refuse 2 '--threads must be in 1 .. 1024, found 0' simulate "$seq" --threads 0
refuse 2 "--method knows auto, train, line, nufft, direct, step; not 'fast'" simulate "$seq" --method fast
refuse 2 "--map wants a map's name and value|found 'B1'" simulate "$seq" --map B1
refuse 2 "--map wants a map's name and value|found 'B2=1'" simulate "$seq" --map B2=1
refuse 2 "--map wants a map's name and value|found 'dB0=5ms'" simulate "$seq" --map dB0=5ms
refuse 2 '--dump knows tree, ir and schedule' check "$seq" --dump trees
refuse 2 'no pass "trees"' check "$seq" --dump-after trees
refuse 2 '--from and --to want times' plot "$seq" --from 5Hz
refuse 3 'shows nothing of gre_epi' plot "$seq" --from 50ms --to 20ms
refuse 3 'shows nothing of gre_epi' plot "$seq" --from 5
refuse 2 'make wants -o FILE.h5' object make head:1
refuse 2 'import wants --labels with --table, or --pd with --t2w' object import --labels a.nii -o out.h5
refuse 2 'grid wants one sequence' bench grid
refuse 2 'simulate, grid, network or learning?' bench
refuse 2 "--spins wants numbers, as in --spins 256,512|found '64,,128'" bench simulate --spins 64,,128
refuse 2 "--spins wants numbers|found '64,'" bench simulate --spins 64,
refuse 2 "--spins wants numbers|found '64x'" bench simulate --spins 64x
refuse 2 '--spins must be in 1 .. 16384, found 0' bench simulate --spins 64,0,32
refuse 2 '--spins must be in 1 .. 16384, found 99999' bench simulate --spins 99999

# --- objects ---
small="--spins 16"
"$precess" object make head:1 --spins 48 -o ../in/maps.h5 >/dev/null || fail "object make"
size=$(wc -c <../in/maps.h5)
for length in 0 1 7 8 64 500 2048 $((size / 2)) $((size - 512)) $((size - 1)); do
	head -c "$length" ../in/maps.h5 >../in/cut.h5
	refuse 3 '../in/cut.h5' simulate "$seq" $small --object ../in/cut.h5 -o out.h5
	refuse 3 '../in/cut.h5' object show ../in/cut.h5 --png out.png
	refuse 3 '../in/cut.h5' object make ../in/cut.h5 -o out.h5
done
refuse 3 'no file of this name; an object is head,' simulate "$seq" --object nowhere.h5 -o out.h5
refuse 3 'has no such slice: it has 1|name one as ../in/maps.h5:0' simulate "$seq" --object ../in/maps.h5:7
refuse 3 '"x" is not a slice number' simulate "$seq" --object ../in/maps.h5:x
refuse 3 'the seed must be a whole number' simulate "$seq" --object head:x
refuse 3 'is not an HDF5 file' simulate "$seq" --object "$seq"
refuse 3 '../in' simulate "$seq" --object ../in
refuse 3 'T2 = nan at spin|must be positive' simulate "$seq" $small --map T2=nan -o out.h5
refuse 3 'T2 = -1 at spin|must be positive' simulate "$seq" $small --map T2=-1 -o out.h5
refuse 3 'cannot read' object import --labels nowhere.nii --table nowhere.txt -o out.h5

# --- files of another kind ---
maps=$root/models/t2_moled.h5
images=$root/models/moled.h5
for command in predict evaluate map reconstruct 'object show' 'compare --scale T2=50ms'; do
	refuse 3 'nowhere.h5' $command nowhere.h5
	refuse 3 'cannot read ../in: it is a folder' $command ../in
done
for command in predict evaluate map reconstruct 'compare --scale T2=50ms'; do
	refuse 3 'cannot read nowhere.h5: No such file' $command nowhere.h5
done
refuse 3 'not a precess model|that `precess train` wrote' predict ../in/maps.h5
refuse 3 'maps images|precess map' predict "$maps"
refuse 3 'makes images, it maps none|precess predict' map "$images" ../in/maps.h5:/T2
refuse 3 'has no dataset /image (it has: |as in ../in/maps.h5:/M0' map ../in/maps.h5
refuse 2 'ESP: 5ms is outside 0.375ms .. 0.54ms' evaluate "$maps" -n 1 --set ESP=5ms
refuse 3 'are for networks that map' evaluate "$images" -n 1 --set ESP=0.5ms
refuse 3 'was not trained there; --force' compare "$images" --sweep ESP=5ms..6ms
refuse 2 '--samples must be in 1 .. 1000000, found 0' evaluate "$images" -n 0
refuse 2 "--te wants times with units|found 'nanms'" map ../in/maps.h5:/T2 --te nanms
refuse 3 'write `system = default`' export "$seq" -o out.seq

# --- outputs ---
small="$small --quiet"
refuse 3 'cannot write no/out.h5: No such file or directory|choose another' simulate "$seq" $small -o no/out.h5
refuse 3 'cannot write ../in: it is a folder' simulate "$seq" $small -o ../in
refuse 3 'cannot write ""' simulate "$seq" $small -o ''
refuse 3 'cannot write no/out.png: No such file' simulate "$seq" $small --png no/out
refuse 3 'cannot write no/out.svg: No such file' plot "$seq" -o no/out.svg
refuse 3 'must be .svg, .pdf or .png' plot "$seq" -o out.gif
refuse 3 'cannot write no/out.h5: No such file' object make uniform -o no/out.h5
refuse 3 'cannot write no/out.png: No such file' object show uniform --png no/out.png
# Before the work, which would take minutes: a wait of seconds is the command's failure.
patient=$precess
precess=hurried
hurried() {
	timeout 10 "$patient" "$@"
}
long="--spins 2048 --method step --quiet"
moled=$root/sequences/moled.seq
refuse 3 'out.nii: 2 coils have as many images|HDF5 (.h5)' simulate "$moled" $long --coils 2 -o out.nii
refuse 3 'out.cfl: 2 coils have as many images|HDF5 (.h5)' simulate "$moled" $long --coils 2 -o out.cfl
refuse 3 'out.nii: fid has no image|HDF5 (.h5)|not Cartesian' simulate "$root/sequences/01_fid.seq" $long -o out.nii
refuse 3 'fid has no image for --png|not Cartesian|precess plot' simulate "$root/sequences/01_fid.seq" $long --png out
refuse 3 'out.foo: the ending of the name' simulate "$moled" $long -o out.foo
refuse 3 'cannot write no/out.nii: No such file' simulate "$moled" $long -o no/out.nii
refuse 3 'cannot write no/out.png: No such file' simulate "$moled" $long --png no/out
refuse 3 'cannot write no/out.h5: No such file' generate "$moled" -n 100000 --threads 1 -q -o no/out.h5
refuse 3 'cannot write ../in: it is a folder' generate "$moled" -n 100000 --threads 1 -q -o ../in
fresh="--samples 100000 --validate 0 --threads 1 -q"
refuse 3 'cannot write no/out.h5: No such file' train "$moled" $fresh -o no/out.h5
refuse 3 'cannot write no/state: No such file' train "$moled" $fresh -o out.h5 --checkpoint no/state
refuse 3 'cannot write no/curve.svg: No such file' train "$moled" $fresh -o out.h5 --curve no/curve.svg
refuse 3 'curve.gif: |.svg, .pdf or .png' train "$moled" $fresh -o out.h5 --curve curve.gif
refuse 3 'cannot write no/out.png: No such file' evaluate "$maps" -n 100000 --threads 1 -q --png no/out
refuse 3 'cannot write no/out.png: No such file' compare "$images" --sweep ESP=0.4ms..0.5ms:60 --png no/out
refuse 3 'out.foo: the ending of the name' predict "$images" -o out.foo
refuse 3 'cannot write no/out.h5: No such file' predict "$images" -o no/out.h5
refuse 3 'cannot write no/out.h5: No such file' predict "$images" --tensors no/out.h5
refuse 3 'out.gif: maps are written as .h5, .nii or .nii.gz' map "$maps" nowhere.h5 -o out.gif
refuse 3 'cannot write no/out.nii: No such file' map "$maps" nowhere.h5 -o no/out.nii
refuse 3 'cannot write no/out.png: No such file' map "$maps" nowhere.h5 --png no/out
refuse 3 'cannot write no/out.h5: No such file' reconstruct nowhere.h5 -o no/out.h5
refuse 2 'ends in .h5, .nii or .nii.gz' reconstruct nowhere.h5 -o out.gif
refuse 2 'ends in .h5, .nii or .nii.gz' reconstruct nowhere.h5 -o out.cfl
precess=$patient

if [ -c /dev/full ]; then
	refuse 3 'cannot write /dev/full: No space left' simulate "$seq" $small -o /dev/full
	refuse 3 'cannot write /dev/full: No space left' object make uniform -o /dev/full
	refuse 3 'cannot write /dev/full: No space left' object show uniform --png /dev/full
	for command in 'check' 'check --json' 'explain' 'explain --json' "simulate $small"; do
		"$precess" $command "$seq" >/dev/full 2>../message
		status=$?
		[ $status -eq 3 ] || fail "precess $command to a full disk: exit status $status, not 3"
		grep -q 'cannot write to standard output' ../message || fail "precess $command to a full disk"
	done
fi
if [ "$(id -u)" -ne 0 ]; then
	chmod a-w ../locked
	refuse 3 'cannot write ../locked/out.h5: Permission denied' simulate "$seq" $small -o ../locked/out.h5
	chmod u+w ../locked
fi

# A result that is there already survives a failure.
echo precious >../in/old.h5
"$precess" simulate "$seq" $small --map T2=nan -o ../in/old.h5 2>../message && fail "T2 = nan passed"
[ "$(cat ../in/old.h5)" = precious ] || fail "an old result was lost"

[ $failed -eq 0 ]

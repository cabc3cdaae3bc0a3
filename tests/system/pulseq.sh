#!/bin/sh
# Pulseq files from the command line: export, import, and both again play the same; damaged files of both
# forms give one line of error in seconds and in little memory, and leave nothing behind.
precess=$1
root=$(pwd)
folder=$(mktemp -d) || exit 1
trap 'rm -rf "$folder"' EXIT
mkdir "$folder/in" "$folder/run" || exit 1
cd "$folder/run" || exit 1
failed=0
# kB that a damaged file may take; sanitizers reserve terabytes of addresses and use few of them
memory=2000000
grep -q __asan_init "$precess" && memory=unlimited

fail() {
	failed=$((failed + 1))
	echo "FAILED: $*"
	sed 's/^/    /' ../message
}

run() {
	"$precess" "$@" >../output 2>../message || fail "precess $*: exit status $?"
}

# --- there and back ---
for name in 02_spin_echo 06_bssfp 07_spin_echo_epi 08_slice_select fse; do
	for to in pulseq14 pulseq15; do
		run export "$root/sequences/$name.seq" --to $to -o a.seq
		run import a.seq -o b.seq
		run check b.seq
		grep -q '^  play' b.seq || [ $name = 08_slice_select ] || fail "$name: no loop found"
		run export b.seq --to $to -o c.seq
		run import c.seq -o d.seq
		run check d.seq
	done
done
run export "$root/sequences/02_spin_echo.seq" --set TE=80ms --tr 2 -o a.seq
grep -q '^1 0 -[0-9]* 2 TE$' a.seq || fail "no soft delay TE"
run simulate a.seq --set TE=60ms --spins 256 -o a.h5
[ -s a.h5 ] || fail "no result"
run import a.seq --unrolled --fov 300mm,200mm --slice 4mm --matrix 64,64 -o b.seq
grep -q 'fov = \[300, 200\]mm, matrix = \[64, 64\], slice = 4mm' b.seq || fail "geometry"
rm -f ./*

# refuse TEXT COMMAND...: one line that says TEXT, exit status 2 or 3, no file, 10 s, 2 GB.
refuse() {
	text=$1
	shift
	(ulimit -v $memory 2>/dev/null; ulimit -t 10; exec "$precess" "$@") >../output 2>../message
	status=$?
	[ $status -eq 2 ] || [ $status -eq 3 ] || fail "precess $*: exit status $status"
	[ "$(wc -l <../message)" -eq 1 ] || fail "precess $*: not one line"
	grep -qF -e "$text" ../message || fail "precess $*: does not say '$text'"
	[ -z "$(ls)" ] || fail "precess $*: left $(ls)"
	rm -f ./*
}

head='[VERSION]
major 1
minor 5
revision 0
[DEFINITIONS]
BlockDurationRaster 1e-05
[BLOCKS]
'
text() {
	printf '%s%b' "$head" "$2" >"../in/$1.seq"
}
shape='[RF]\n1 250 1 0 0 50 10 0 0 0 0 e\n[SHAPES]\nshape_id 1\n'

text blocks '1 20 1 0 0\n'
text event '1 20 7 0 0 0 0 0\n'
text overlap '1 5 0 2 0 0 0 0\n[TRAP]\n2 500 20 100 30 0\n'
text nan '1 20 0 2 0 0 0 0\n[TRAP]\n2 nan 20 100 30 0\n'
text inf '1 20 0 2 0 0 0 0\n[TRAP]\n2 500 20 1e999 30 0\n'
text short "1 20 1 0 0 0 0 0\n${shape}num_samples 100\n1\n0.5\n"
text long "1 20 1 0 0 0 0 0\n${shape}num_samples 2\n1\n0.5\n0\n0\n7\n"
text huge "1 20 1 0 0 0 0 0\n${shape}num_samples 1342177280\n1\n0\n0\n1342177277\n"
text window '1 20 0 0 0 0 1 0\n[ADC]\n1 2000000000 1 0 0 0 0 0 0\n'
text eternal '1 999999999999 0 0 0 0 0 0\n'
text circle '1 20 0 0 0 0 0 1\n[EXTENSIONS]\n1 1 1 2\n2 1 1 1\nextension LABELSET 1\n1 1 LIN\n'
text plain '1 20 0 0 0 0 0 0\n'
text garbage '1 20 0 0 0 0 0 0\n[TRAP]\nabc def\n'
for command in check explain plot simulate import; do
	case $command in
	import | plot) out='-o x.seq' ;;
	*) out= ;;
	esac
	[ $command = plot ] && out='-o x.svg'
	refuse 'blocks.seq:8: a block has 8 columns' $command ../in/blocks.seq $out
	refuse 'event.seq:8: the block plays RF 7, which the file does not have' $command ../in/event.seq $out
	refuse 'overlap.seq:8: block 1 lasts 50 us' $command ../in/overlap.seq $out
	refuse "nan.seq:10: 'nan' is not a finite number" $command ../in/nan.seq $out
	refuse "inf.seq:10: '1e999' is not a finite number" $command ../in/inf.seq $out
	refuse 'short.seq:12: shape 1 declares 100 samples, its numbers make 2' $command ../in/short.seq $out
	refuse 'long.seq:12: shape 1 declares 2 samples' $command ../in/long.seq $out
	refuse 'huge.seq:13: too many samples: 1342177280' $command ../in/huge.seq $out
	refuse 'window.seq:8: block 1 lasts 200 us' $command ../in/window.seq $out
	refuse 'eternal.seq:8: ' $command ../in/eternal.seq $out
	refuse 'circle.seq:' $command ../in/circle.seq $out
	refuse "garbage.seq:10: 'abc' is no number of [TRAP]" $command ../in/garbage.seq $out
done
for bad in TE=1us TE=5 TX=5ms TE; do
	run export "$root/sequences/02_spin_echo.seq" -o ../in/soft.seq
	refuse '--set' check ../in/soft.seq --set $bad
done
refuse 'this Pulseq file has no soft delays' check ../in/plain.seq --set TE=5ms
[ $failed -eq 0 ]

#!/bin/sh
# Training data and training on a device, its launches as loops (tests/cuda/module.cpp): the same
# bytes whatever the threads, the shards or a run killed in the middle; what is missing is told.
set -eu
precess=$1
emulated=$(dirname "$precess")/tests/emulated
[ -e "$emulated/backend_cuda.so" ] || exit 77
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

cat > "$dir/small.seq" <<'SEQ'
seq 1
sequence small
import std.epi (epi_train)
param ESP : time in 0.5ms .. 0.7ms = 0.6ms
map T2  : time      in 0ms .. 650ms
map M0  : number    in 0 .. 1
map dB0 : frequency in -60Hz .. 60Hz
geometry fov = [220mm, 220mm], matrix = [16, 16]
system = ideal
reset
play e = hard(90deg, 100us, use = excitation)
play epi_train(esp = ESP) with k0 at e.center + 20ms
SEQ
fail() {
	echo "FAILED: $*"
	exit 1
}
generate() { "$precess" generate "$dir/small.seq" -n 60 --spins 2 -q "$@"; }
# refused TEXT command...
refused() {
	text=$1
	shift
	if "$@" > "$dir/out" 2>&1; then fail "accepted: $*"; fi
	grep -q -e "$text" "$dir/out" || { cat "$dir/out"; fail "not told: $text"; }
}

generate -o "$dir/cpu.h5" > /dev/null
export PRECESS_BACKEND_PATH="$emulated"
generate --device cuda -o "$dir/all.h5" --threads 1 > "$dir/out"
grep -q 'on cuda-emulated' "$dir/out" || fail "no word of the device"
generate --device auto -o "$dir/three.h5" --threads 3 --json > "$dir/out"
grep -q '"backend": "cuda-emulated"' "$dir/out" || fail "no device in JSON"
cmp "$dir/all.h5" "$dir/three.h5"

generate --device cuda -o "$dir/0.h5" --shard 0/2 > /dev/null
generate --device cuda -o "$dir/1.h5" --shard 1/2 > /dev/null
"$precess" generate --join "$dir/1.h5" "$dir/0.h5" -o "$dir/joined.h5" > /dev/null
cmp "$dir/all.h5" "$dir/joined.h5"
# the processor's last bits are others
generate -o "$dir/1.h5" --shard 1/2 > /dev/null
refused 'different recipes' "$precess" generate --join "$dir/1.h5" "$dir/0.h5" -o "$dir/mixed.h5"
printf 'precess journal 1\nsomething else altogether' > "$dir/cpu.h5.partial"
refused 'remove it' generate --device cuda -o "$dir/cpu.h5"
rm "$dir/cpu.h5.partial"

# killed as soon as the journal holds some samples
"$precess" generate "$dir/small.seq" -n 60 --spins 2 -q --device cuda -o "$dir/killed.h5" \
	--threads 1 > /dev/null &
child=$!
size=0
while [ "$size" -lt 20000 ] && kill -0 "$child" 2>/dev/null; do
	[ ! -e "$dir/killed.h5.partial" ] || size=$(wc -c < "$dir/killed.h5.partial") || size=0
done
kill -9 "$child" 2>/dev/null || true
wait "$child" 2>/dev/null || true
generate --device cuda -o "$dir/killed.h5" --json > "$dir/out"
grep -q '"resumed": [1-9]' "$dir/out" || echo "killed too late: nothing was resumed"
cmp "$dir/all.h5" "$dir/killed.h5"

# a network trained there on images made there; going on elsewhere is refused
if [ -e "$emulated/network_cuda.so" ]; then
	train() {
		"$precess" train "$dir/small.seq" --width 4 --seed 3 --threads 2 --validate 2 -q \
			--samples 300 "$@"
	}
	train --device cuda -o "$dir/model.h5" --json > "$dir/out"
	loss=$(awk '$1 == "\"loss\":" { print $2 + 0; exit }' "$dir/out")
	train -o "$dir/model_cpu.h5" --json > "$dir/out"
	awk -v a="$loss" '$1 == "\"loss\":" { exit !(a < 1.05 * $2 && a > 0.95 * $2) }' "$dir/out" ||
		fail "another loss than the processor's: $loss"
	env --default-signal=INT "$precess" train "$dir/small.seq" --width 4 --seed 3 --threads 2 \
		--validate 2 -q --samples 3000 --device cuda -o "$dir/parts.h5" > /dev/null 2>&1 &
	child=$!
	sleep 2
	kill -INT $child 2>/dev/null || true
	wait $child || true
	if [ -e "$dir/parts.h5.checkpoint" ]; then
		refused 'begun with' train --samples 3000 --resume -o "$dir/parts.h5"
	else
		echo "note: not stopped in the middle"
	fi
fi

export PRECESS_BACKEND_PATH="$dir"
refused 'set PRECESS_BACKEND_PATH to its folder' generate --device cuda -o "$dir/x.h5"
generate --device auto -o "$dir/auto.h5" > /dev/null
cmp "$dir/cpu.h5" "$dir/auto.h5"
[ ! -e "$dir/x.h5" ] && [ ! -e "$dir/x.h5.partial" ] || fail "something was left"

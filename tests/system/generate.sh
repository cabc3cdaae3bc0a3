#!/bin/sh
# Training data: the same bytes whatever the threads, the shards, or a run killed in the middle.
set -eu
precess=$1
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
generate() { "$precess" generate "$dir/small.seq" -n 120 -q "$@"; }

generate -o "$dir/all.h5" --threads 1
generate -o "$dir/two.h5" --threads 3
cmp "$dir/all.h5" "$dir/two.h5"

generate -o "$dir/0.h5" --shard 0/2
generate -o "$dir/1.h5" --shard 1/2
"$precess" generate --join "$dir/1.h5" "$dir/0.h5" -o "$dir/joined.h5"
cmp "$dir/all.h5" "$dir/joined.h5"

# Killed as soon as the journal holds some samples.
"$precess" generate "$dir/small.seq" -n 120 -q -o "$dir/killed.h5" --threads 1 &
child=$!
size=0
while [ "$size" -lt 20000 ] && kill -0 "$child" 2>/dev/null; do
	[ ! -e "$dir/killed.h5.partial" ] || size=$(wc -c < "$dir/killed.h5.partial") || size=0
done
kill -9 "$child" 2>/dev/null || true
wait "$child" 2>/dev/null || true
# A torn record at the end of the journal is cut off.
[ ! -e "$dir/killed.h5.partial" ] || printf 'torn' >> "$dir/killed.h5.partial"
generate -o "$dir/killed.h5" --json > "$dir/report"
grep -q '"resumed": [1-9]' "$dir/report" || echo "killed too late: nothing was resumed"
cmp "$dir/all.h5" "$dir/killed.h5"
[ ! -e "$dir/killed.h5.partial" ]

# Another seed is other data; a journal of another recipe, a missing shard, a cut file are refused.
generate -o "$dir/other.h5" --seed 2
if cmp -s "$dir/all.h5" "$dir/other.h5"; then exit 1; fi
printf 'precess journal 1\nsomething else altogether' > "$dir/x.h5.partial"
if generate -o "$dir/x.h5" 2> "$dir/error"; then exit 1; fi
grep -q 'remove it' "$dir/error"
if "$precess" generate --join "$dir/0.h5" -o "$dir/y.h5" 2> "$dir/error"; then exit 1; fi
grep -q 'the parts hold 60 of 120 samples' "$dir/error"
head -c 5000 "$dir/0.h5" > "$dir/cut.h5"
if "$precess" generate --join "$dir/cut.h5" "$dir/1.h5" -o "$dir/y.h5" 2> "$dir/error"; then exit 1; fi
grep -q 'truncated' "$dir/error"
[ ! -e "$dir/y.h5" ]

# Map files of a folder instead of drawn heads.
mkdir "$dir/maps"
"$precess" object make head:7 -o "$dir/maps/a.h5" --spins 64 > /dev/null
"$precess" object make head:8 -o "$dir/maps/b.h5" --spins 64 > /dev/null
"$precess" generate "$dir/small.seq" -n 6 -q --object "$dir/maps" -o "$dir/m.h5" --json |
	grep -q '"samples": 6'
"$precess" explain "$dir/small.seq" --network derived | grep -q 'GFLOP per image'

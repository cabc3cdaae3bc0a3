#!/bin/sh
# What a network learned, looked into: beside the exact simulator along a field and a parameter, and
# trained without parts of its inputs. A network that does not see the parameters does worse: the
# first-order image does not know what the inversion leaves.
set -eu
precess=$1
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

fail() {
	cat "$dir/err" 2>/dev/null || true
	echo "FAILED: $*"
	exit 1
}
# refused STATUS TEXT command...
refused() {
	want=$1 text=$2
	shift 2
	rc=0
	"$@" >"$dir/out" 2>"$dir/err" || rc=$?
	[ "$rc" = "$want" ] || fail "exit $rc, not $want: $*"
	grep -q -e "$text" "$dir/err" || fail "not told: $text"
}

cat > "$dir/small.seq" <<'SEQ'
seq 1
sequence small
import std.epi (epi_train)
param ESP : time in 0.5ms .. 0.7ms = 0.6ms
param TE  : time in 15ms .. 40ms = 20ms
param TI  : time in 1s .. 3s = 2s
map T2  : time      in 0ms .. 650ms
map M0  : number    in 0 .. 1
map B1  : number    in 0.7 .. 1.3
map T1  : time = 1s
geometry fov = [220mm, 220mm], matrix = [16, 16]
system = ideal
reset
play hard(180deg, 100us, use = inversion)
delay TI
play e = hard(90deg, 100us, use = excitation)
play epi_train(esp = ESP) with k0 at e.center + TE
SEQ

cd "$dir"
"$precess" bench learning small.seq -o rows --samples 300 --images 3200 --width 4 --threads 1 \
	>table 2>err || fail "bench learning"
awk '$1 == "derived" && $2 == 300 { with = $3 } $1 == "no_parameters" { without = $3 }
	$1 == "derived" && $2 == 250 { rows++ } $1 == "paper" || $1 == "no_position" { rows++ }
	END { exit !(rows == 3 && with > without + 3) }' table || { cat table; fail "the rows"; }

# the second time nothing is trained again, and the numbers are the same
"$precess" bench learning small.seq -o rows --samples 300 --images 3200 --width 4 --threads 1 \
	>again 2>err || fail "bench learning again"
cmp -s table again || fail "another table from the same models"
grep -q '^$ precess train' err && fail "trained again"

model=rows/derived_width4_of300_shown3200.h5
"$precess" compare "$model" --scale B1=-0.2,0.2 --sweep TE=15ms..40ms:3 --regions 2 --threads 1 \
	--png picture --json >json 2>err || fail "compare"
[ -s picture-B1.png ] && [ -s picture-TE.png ] || fail "no pictures"
# a longer TE gives less signal, in either way of computing it
/usr/bin/env awk '/"exact"/ { n = 0; on = 1; next } on && /[0-9]/ { v[++n] = $1 + 0 }
	on && n == 3 { on = 0; seen++; if (!(v[1] > v[3])) bad = 1 }
	END { exit !(seen == 2 && !bad) }' json || { cat json; fail "signal along TE"; }

refused 2 "which model" "$precess" compare --sweep TE=15ms..40ms
refused 2 "or both" "$precess" compare "$model"
refused 2 "its maps are M0, T2, B1" "$precess" compare "$model" --scale dB0=50Hz
refused 2 "no parameter 'TR'" "$precess" compare "$model" --sweep TR=1..2
refused 2 "NAME=A..B:N" "$precess" compare "$model" --sweep TE=15ms
refused 3 "was not trained there" "$precess" compare "$model" --sweep TE=15ms..80ms
refused 2 "only a field can be turned round" "$precess" compare "$model" --scale T2=-50ms
refused 2 "which data set" "$precess" train small.seq --use 10 -o x.h5
refused 3 "has 300 samples; --use wants 400" "$precess" train small.seq --data rows/data_300.h5 \
	--use 400 -o x.h5
[ ! -e x.h5 ] || fail "a model that was refused is there"

#!/bin/sh
# A network from training to evaluation: it beats the zero image, a resumed run gives the same file
# bit for bit, predictions need the model alone, and wrong inputs are told.
set -eu
precess=$1
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

cat > "$dir/small.seq" <<'SEQ'
seq 1
sequence small
import std.epi (epi_train)
param ESP : time in 0.5ms .. 0.7ms = 0.6ms
param TE  : time in 15ms .. 40ms = 20ms
map T2 : time   in 0ms .. 650ms
map M0 : number in 0 .. 1
geometry fov = [220mm, 220mm], matrix = [16, 16]
system = ideal
reset
play e = hard(90deg, 100us, use = excitation)
play epi_train(esp = ESP) with k0 at e.center + TE
SEQ
sed 's/sequence small/sequence other/; s/40ms/41ms/' "$dir/small.seq" > "$dir/other.seq"

fail() {
	echo "FAILED: $*"
	exit 1
}
number() { # NAME: a number of the last JSON object, the first of that name
	awk -v name="\"$1\":" '$1 == name { print $2 + 0; exit }' "$dir/out.json"
}
holds() {
	awk "BEGIN { exit !($*) }" || fail "$*"
}
train() { # the training threads decide the last bits: one
	"$precess" train "$dir/small.seq" --width 4 --seed 3 --threads 1 --validate 4 -q "$@"
}
# refused STATUS TEXT command...: fails with that status and says TEXT
refused() {
	want=$1 text=$2
	shift 2
	rc=0
	"$@" >"$dir/out" 2>&1 || rc=$?
	[ "$rc" = "$want" ] || { cat "$dir/out"; fail "exit $rc, not $want: $*"; }
	grep -q -e "$text" "$dir/out" || { cat "$dir/out"; fail "not told: $text"; }
}

# training on fresh samples, and its score
train --samples 1600 --curve "$dir/curve.svg" -o "$dir/model.h5" --json >"$dir/out.json"
[ -s "$dir/curve.svg" ] || fail "no curve"
[ ! -e "$dir/model.h5.checkpoint" ] || fail "the checkpoint is still there"
holds "$(number loss) < 0.5 * $(number zero_loss)"
"$precess" evaluate "$dir/model.h5" --samples 8 --threads 1 -q --json >"$dir/out.json"
grep -q '"sequence": "small"' "$dir/out.json" || fail "no sequence"
holds "$(number samples) == 8 && $(number ms_per_image) > 0"
grep -q '"box_means"' "$dir/out.json" && grep -q '"first_order"' "$dir/out.json" || fail "no rows"
"$precess" evaluate "$dir/model.h5" "$dir/small.seq" --samples 8 --threads 1 -q --network-only --json \
	>"$dir/out.json"
# the first psnr_db is the network's, the second the zero image's
scores=$(awk '$1 == "\"psnr_db\":" { print $2 + 0 }' "$dir/out.json")
holds "$(echo $scores | cut -d' ' -f1) > 4 + $(echo $scores | cut -d' ' -f2)"

# a data set, stopped by Ctrl-C and resumed = uninterrupted
"$precess" generate "$dir/small.seq" -n 40 -q -o "$dir/data.h5" >/dev/null
for source in "--data $dir/data.h5" "--reuse 3"; do
	train $source --samples 2400 -o "$dir/whole.h5" --json >"$dir/whole.json"
	rm -f "$dir/parts.h5"
	env --default-signal=INT "$precess" train "$dir/small.seq" --width 4 --seed 3 --threads 1 \
		--validate 4 -q $source --samples 2400 -o "$dir/parts.h5" --json \
		>"$dir/parts.json" 2>&1 &
	run=$!
	sleep 0.5
	kill -INT $run 2>/dev/null || true
	wait $run || true
	if [ -e "$dir/parts.h5.checkpoint" ]; then
		refused 3 "resume goes on" train $source --samples 2400 -o "$dir/parts.h5"
		refused 3 "begun with" train $source --samples 2401 --resume -o "$dir/parts.h5"
		refused 3 "another sequence" "$precess" train "$dir/other.seq" --width 4 --resume \
			--checkpoint "$dir/parts.h5.checkpoint" -o "$dir/other.h5"
		train $source --samples 2400 --resume -o "$dir/parts.h5" --json >"$dir/parts.json"
	else
		echo "note: $source: not stopped in the middle"
		[ -e "$dir/parts.h5" ] || # but before the first image
			train $source --samples 2400 -o "$dir/parts.h5" --json >"$dir/parts.json"
	fi
	for f in whole parts; do
		grep -E '"(weights_hash|loss)":' "$dir/$f.json" >"$dir/$f.txt"
	done
	diff "$dir/whole.txt" "$dir/parts.txt" || fail "$source: resumed is not uninterrupted"
done

# a time limit ends the training with its schedule
train --time-limit 1s -o "$dir/timed.h5" --json >"$dir/out.json"
holds "$(number images) > 0 && $(number seconds) >= 1 && $(number seconds) < 20"
holds "$(awk '$1 == "\"rate\":" { rate = $2 } END { print rate + 0 }' "$dir/out.json") < 1e-4"

# a network that does not learn is stopped, with the cause
refused 3 "the zero image's is .* inputs do not determine" train --net paper --lr 1e-9 \
	--samples 4000 -o "$dir/zero.h5"
[ ! -e "$dir/zero.h5" ] || fail "a stopped training wrote a model"

# predictions
"$precess" predict "$dir/model.h5" --threads 1 --set TE=30ms --object head:5 -o "$dir/image.h5" \
	--png "$dir/image" >/dev/null
[ -s "$dir/image.h5" ] && [ -s "$dir/image.png" ] || fail "no prediction"
refused 3 "TE = 0.05 is outside" "$precess" predict "$dir/model.h5" --threads 1 --set TE=50ms
"$precess" predict "$dir/model.h5" --threads 1 --set TE=50ms --force --json >"$dir/out.json" 2>"$dir/out"
grep -q "warning: TE = 0.05 is outside" "$dir/out" || fail "--force without a warning"
refused 2 "no parameter 'FA'" "$precess" predict "$dir/model.h5" --threads 1 --set FA=50deg
refused 2 "is no time" "$precess" predict "$dir/model.h5" --threads 1 --set TE=50deg

# wrong inputs
head -c 5000 "$dir/model.h5" >"$dir/short.h5"
refused 3 "truncated" "$precess" predict "$dir/short.h5"
refused 3 "not a precess model" "$precess" evaluate "$dir/data.h5"
refused 3 "No such file" "$precess" evaluate "$dir/none.h5"
refused 3 "trained for another sequence" "$precess" evaluate "$dir/model.h5" "$dir/other.seq"
refused 3 "$dir/none" "$precess" train "$dir/small.seq" -o "$dir/none/model.h5"
refused 3 "samples of small" "$precess" train "$dir/other.seq" --data "$dir/data.h5" -o "$dir/x.h5"
refused 3 "wants a time" "$precess" train "$dir/small.seq" --time-limit 20 -o "$dir/x.h5"
refused 3 "knows f32, bf16 and tf32" "$precess" train "$dir/small.seq" --precision f16 -o "$dir/x.h5"
refused 2 "one of" "$precess" train "$dir/small.seq" --samples 4 --epochs 1 -o "$dir/x.h5"
[ ! -e "$dir/x.h5" ] && [ ! -e "$dir/x.h5.checkpoint" ] || fail "a refused training left files"

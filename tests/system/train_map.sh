#!/bin/sh
# A network that maps, from training to scores: T2 from four echoes and, by another template, dB0 from
# one image; images made by a Simu-Net; a resumed run gives the same weights; wrong inputs are told.
set -eu
precess=$1
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

cat > "$dir/echoes.seq" <<'SEQ'
seq 1
sequence echoes "Four spin echoes of every line"
import std.grads (phase_encode, prephaser, readout, spoiler)
param ESP : time in 15ms .. 30ms = 20ms
map T2 : time   in 10ms .. 650ms
map M0 : number in 0 .. 1
geometry fov = [220mm, 220mm], matrix = [32, 32], slice = 5mm
system = ideal
let exc = hard(90deg, 500us, use = excitation)
let ref = hard(180deg, 1ms, phase = 90deg, use = refocusing)
let gx  = readout(20us)
for line in 0 ..< matrix.y {
  reset
  play e = exc
  play -prephaser(gx)
  for echo in 0 ..< 4 {
    play spoiler(z, cycles = 4)
    play ref with center at e.center + (echo + 0.5) * ESP
    play spoiler(z, cycles = 4)
    play phase_encode(y, line)
    play gx & adc(matrix.x, over = gx.flat, dwell = 20us, line = line, echo = echo)
         with center at e.center + (echo + 1) * ESP
    play phase_encode(y, matrix.y - line)
  }
}
SEQ
cat > "$dir/t2.net" <<'NET'
name t2
kind unet
target T2
scale 0.1
knee 2
low 0.04
high 0.2
known ESP
width 8
levels 3
rate 0.003
images 1600
noise 0.01
spread 0.6
phase 3
gain 0.3
NET
cat > "$dir/gre.seq" <<'SEQ'
seq 1
sequence gre
import std.epi (epi_train)
param TE : time in 5ms .. 8ms = 6ms
map T2  : time      in 10ms .. 650ms
map M0  : number    in 0 .. 1
map dB0 : frequency in -40Hz .. 40Hz
geometry fov = [220mm, 220mm], matrix = [32, 32]
system = ideal
reset
play e = hard(90deg, 100us, use = excitation)
play epi_train(esp = 0.2ms) with k0 at e.center + TE
SEQ
# the same network for another map: target, scale and the range of its scores
sed 's/target T2/target dB0/; s/scale 0.1/scale 20/; /knee/d; s/low .*/low -40/; s/high .*/high 40/
	s/ESP/TE/; /spread/d; /phase/d; s/name t2/name shim/' "$dir/t2.net" > "$dir/dB0.net"

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
# check_fit WHICH UNIT: the scores of the last evaluation's first (regions) or second (tissues) line,
# anew from its points; keys of errors end in UNIT
check_fit() {
	tr -d ' \n' <"$dir/out.json" | awk -v which="$1" -v unit="$2" '
	function value(text, key) {
		sub(".*\"" key "\":", "", text)
		return text + 0
	}
	function near(key, is) {
		if ((value(rest, key) - is) ^ 2 > 1e-8 * (1 + is ^ 2)) {
			print key, "is", is, "not", value(rest, key)
			bad = 1
		}
	}
	{
		i = index($0, "\"tissues\":")
		rest = which == 1 ? substr($0, 1, i - 1) substr($0, i + 10 + index(substr($0, i), "}")) \
				  : substr($0, i)
		list = rest
		sub(/.*"points":\[\[/, "", list)
		sub(/\]\].*/, "", list)
		n = split(list, point, /\],\[/)
		for (i = 1; i <= n; i++) {
			split(point[i], p, ",")
			x += p[1]; y += p[2]
			xx += p[1] ^ 2; xy += p[1] * p[2]; yy += p[2] ^ 2
			e = p[2] - p[1]
			b += e; bb += e ^ 2; a += e < 0 ? -e : e
		}
		slope = (n * xy - x * y) / (n * xx - x ^ 2)
		near("regions", n)
		near("slope", slope)
		near("intercept", (y - slope * x) / n)
		near("r2", (n * xy - x * y) ^ 2 / ((n * xx - x ^ 2) * (n * yy - y ^ 2)))
		near("mae" unit, a / n)
		near("bias" unit, b / n)
		near("deviation" unit, sqrt((bb - b ^ 2 / n) / (n - 1)))
		exit bad || n < 3
	}' || fail "a line $1 of evaluate that is not its points'"
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
train() {
	"$precess" train "$@" --threads 1 --seed 1 -q
}
evaluate() {
	"$precess" evaluate "$@" --samples 8 --threads 1 -q --json >"$dir/out.json"
}

# T2 from four echoes, of heads whose T2 their anatomy does not tell
train "$dir/echoes.seq" --task "$dir/t2.net" --validate 2 -o "$dir/t2.h5" --json >"$dir/out.json"
holds "$(number loss) < 0.4 * $(number zero_loss)"
evaluate "$dir/t2.h5" --noise 0.002 --spread 0.6
holds "$(number r2) > 0.35 && $(number mae_ms) < 35 && $(number regions) > 1000"
check_fit 1 _ms
check_fit 2 _ms
# a network that ignored the noise would not fall off
clean=$(number mae_ms)
evaluate "$dir/t2.h5" --noise 0.3 --spread 0.6
holds "$(number mae_ms) > 1.2 * $clean"

# dB0 from one image
train "$dir/gre.seq" --task "$dir/dB0.net" --validate 0 -o "$dir/dB0.h5" >/dev/null
evaluate "$dir/dB0.h5" --png "$dir/regions"
holds "$(number r2) > 0.85 && $(number mae) < 4"
check_fit 1 ''
check_fit 2 ''
[ -s "$dir/regions.png" ] || fail "no picture"
# it is told the echo time: with another one the phase means another field
evaluate "$dir/dB0.h5" --set TE=5ms
slope=$(number slope)
evaluate "$dir/dB0.h5" --set TE=8ms
holds "$(number slope) - $slope < 0.15 && $slope - $(number slope) < 0.15"
refused 2 "no parameter 'FA'" "$precess" evaluate "$dir/dB0.h5" --set FA=1 -q

# images of a Simu-Net
train "$dir/gre.seq" --width 4 --samples 400 --validate 0 -o "$dir/engine.h5" >/dev/null
train "$dir/gre.seq" --task "$dir/dB0.net" --engine "$dir/engine.h5" --samples 400 --validate 0 \
	-o "$dir/imagined.h5" --json >"$dir/out.json"
holds "$(number loss) < $(number zero_loss)"
refused 3 "another sequence" train "$dir/echoes.seq" --task "$dir/t2.net" --engine "$dir/engine.h5" \
	-o "$dir/x.h5"
refused 3 "maps images" train "$dir/gre.seq" --task "$dir/dB0.net" --engine "$dir/dB0.h5" \
	-o "$dir/x.h5"
refused 3 "learns images" train "$dir/gre.seq" --engine "$dir/engine.h5" -o "$dir/x.h5"
refused 3 "no map dB0" train "$dir/echoes.seq" --task "$dir/dB0.net" -o "$dir/x.h5"
refused 3 "maps images" "$precess" predict "$dir/dB0.h5"

# stopped by Ctrl-C and resumed = uninterrupted
train "$dir/gre.seq" --task "$dir/dB0.net" --validate 0 -o "$dir/whole.h5" --json >"$dir/whole.json"
env --default-signal=INT "$precess" train "$dir/gre.seq" --task "$dir/dB0.net" --threads 1 --seed 1 \
	-q --validate 0 -o "$dir/parts.h5" --json >"$dir/parts.json" 2>&1 &
run=$!
sleep 1
kill -INT $run 2>/dev/null || true
wait $run || true
if [ -e "$dir/parts.h5.checkpoint" ]; then
	sed 's/noise 0.01/noise 0.02/' "$dir/dB0.net" > "$dir/noisy.net"
	refused 3 "begun with .noise 0.01" train "$dir/gre.seq" --task "$dir/noisy.net" --validate 0 \
		--resume -o "$dir/parts.h5"
	train "$dir/gre.seq" --task "$dir/dB0.net" --validate 0 --resume -o "$dir/parts.h5" --json \
		>"$dir/parts.json"
else
	echo "note: not stopped in the middle"
	[ -e "$dir/parts.h5" ] || # but before the first image
		train "$dir/gre.seq" --task "$dir/dB0.net" --validate 0 -o "$dir/parts.h5" --json \
			>"$dir/parts.json"
fi
for f in whole parts; do
	grep -E '"(weights_hash|loss)":' "$dir/$f.json" >"$dir/$f.txt"
done
diff "$dir/whole.txt" "$dir/parts.txt" || fail "resumed is not uninterrupted"

# maps: of the right size and place, the parameter told by the image
"$precess" simulate "$dir/echoes.seq" --object head:9 --set ESP=25ms -o "$dir/image.h5" >/dev/null
"$precess" map "$dir/t2.h5" "$dir/image.h5" --threads 1 -o "$dir/T2.h5" --png "$dir/T2" --json >"$dir/out.json"
grep -q '"method": "network"' "$dir/out.json" || fail "no method"
holds "$(number median_ms) > 50 && $(number median_ms) < 120 && $(number voxels) > 200"
[ -s "$dir/T2.h5" ] && [ -s "$dir/T2.png" ] || fail "no map"
with_25=$(number median_ms)
"$precess" map "$dir/t2.h5" "$dir/image.h5" --threads 1 --set ESP=15ms --json >"$dir/out.json"
holds "$(number median_ms) < 0.95 * $with_25" # the same decay in less time
(cat "$dir/t2.net"; echo "pad 2") > "$dir/fine.net"
train "$dir/echoes.seq" --task "$dir/fine.net" --samples 40 --validate 0 --compact -o "$dir/fine.h5" >/dev/null
"$precess" map "$dir/fine.h5" "$dir/image.h5" --threads 1 -o "$dir/T2.nii" --json >"$dir/out.json"
tr -d ' \n' <"$dir/out.json" | grep -q '"matrix":\[64,64,1\]' || fail "no finer map"
# pixdim 1, 2 in mm, and the x of the first voxel: half a field of view, but half a voxel
set -- $(od -A n -t f4 -j 80 -N 8 "$dir/T2.nii") $(od -A n -t f4 -j 292 -N 4 "$dir/T2.nii")
holds "$1 == 3.4375 && $2 == 3.4375 && ($3 + 108.28125) ^ 2 < 1e-6"
refused 3 "makes images" "$precess" map "$dir/engine.h5" "$dir/image.h5"
refused 3 "maps of T2" "$precess" map "$dir/dB0.h5" "$dir/image.h5"
"$precess" simulate "$dir/gre.seq" --object head:9 -o "$dir/other.h5" >/dev/null
refused 3 "another sequence" "$precess" map "$dir/t2.h5" "$dir/other.h5"

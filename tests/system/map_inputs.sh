#!/bin/sh
# What `precess map` takes besides complex images: magnitude with phase in any of a scanner's units, and
# raw data. They give the map of the complex image; what does not fit is told.
set -eu
precess=$1
command -v python3 >/dev/null 2>&1 || { echo "skipped: no python3"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/maps"
fail() { echo "FAILED: $*" >&2; cat "$work/log" >&2; exit 1; }
model=models/t2_moled.h5
moled=sequences/moled.seq

cat >"$work/nifti.py" <<'PY'
import array, cmath, math, struct, sys

def read(name):
    raw = open(name, "rb").read()
    kind, = struct.unpack_from("<h", raw, 70)
    v = array.array({32: "f", 16: "f"}[kind], raw[352:])
    return bytearray(raw[:352]), [complex(a, b) for a, b in zip(v[::2], v[1::2])] if kind == 32 else v

def write(name, head, values):
    struct.pack_into("<hh", head, 70, 16, 32)
    with open(name, "wb") as f:
        f.write(head)
        array.array("f", values).tofile(f)

def split(folder):
    head, v = read(folder + "/image.nii")
    phase = [cmath.phase(x) for x in v]
    write(folder + "/magnitude.nii", head, [abs(x) for x in v])
    write(folder + "/radians.nii", head, phase)
    write(folder + "/turn.nii", head, [p % (2 * math.pi) for p in phase])
    write(folder + "/backward.nii", head, [-p for p in phase])
    write(folder + "/unsigned.nii", head, [round(p / math.pi * 2048 + 2048) % 4096 for p in phase])
    write(folder + "/signed.nii", head, [2 * round(p / math.pi * 2048) for p in phase])
    write(folder + "/degrees.nii", head, [math.degrees(p) for p in phase])
    phase[130] = math.nan
    write(folder + "/unknown.nii", head, phase)
    phase[130] = 0
    struct.pack_into("<hh", head, 42, 64, 256)
    write(folder + "/wide.nii", head, phase)

def same(a, b, ms):
    a, b = read(a)[1], read(b)[1]
    both = [abs(x - y) for x, y in zip(a, b) if x > 0 and y > 0]
    lost = sum((x > 0) != (y > 0) for x, y in zip(a, b))
    mean = sum(both) / max(len(both), 1)
    print(len(both), "voxels,", lost, "in one map, mean difference", mean, "ms")
    sys.exit(not (len(a) == len(b) and len(both) > 1000 and lost <= len(both) / 100 and mean < float(ms)))

{"split": split, "same": same}[sys.argv[1]](*sys.argv[2:])
PY

# map OUT TEXT ARGUMENT...: makes a map and says TEXT
map() {
	out=$1 text=$2
	shift 2
	"$precess" map "$@" -q -o "$work/maps/$out.nii" >"$work/log" 2>&1 || fail "map $*"
	grep -q -e "$text" "$work/log" || fail "map $*: no word of '$text'"
}
# same MAP MAP MS: but for voxels at the mask's edge
same() {
	python3 "$work/nifti.py" same "$work/maps/$1.nii" "$work/maps/$2.nii" "$3" >"$work/log" 2>&1 || fail "$1 is not $2"
}
# refuse STATUS TEXT ARGUMENT...
refuse() {
	status=$1 text=$2
	shift 2
	rc=0
	"$precess" map "$@" -o "$work/out.h5" >"$work/log" 2>&1 || rc=$?
	[ "$rc" = "$status" ] || fail "map $* gave $rc, wanted $status"
	grep -q -e "$text" "$work/log" || fail "map $*: no word of '$text'"
	[ ! -e "$work/out.h5" ] || fail "map $* left a file"
}

# not the default echo spacing: who forgets it makes another map
for form in h5 nii mrd; do
	"$precess" simulate $moled --object head:3 --set ESP=0.54ms --spins 256 -o "$work/image.$form" -q \
		>"$work/log" 2>&1 || fail "simulate"
done
python3 "$work/nifti.py" split "$work"
magnitude=$work/magnitude.nii

# --- magnitude and phase ---
for method in $model $moled; do
	map complex 'T2  ' $method "$work/image.nii" --set ESP=0.54ms
	map radians 'radians.nii: radians' $method "$magnitude" --phase "$work/radians.nii" --set ESP=0.54ms
	same radians complex 0.01
	map turn 'turn.nii: radians' $method "$magnitude" --phase "$work/turn.nii" --set ESP=0.54ms
	same turn complex 0.01
	map unsigned 'integers 0 .. 4095' $method "$magnitude" --phase "$work/unsigned.nii" --set ESP=0.54ms
	same unsigned complex 0.5
	map signed 'integers -4096 .. 4095' $method "$magnitude" --phase "$work/signed.nii" --set ESP=0.54ms
	same signed complex 0.5
	map backward 'radians' $method "$magnitude" --phase "$work/backward.nii" --conjugate --set ESP=0.54ms
	same backward complex 0.01
	map alone 'has no phase' $method "$magnitude" --set ESP=0.54ms
done

# several images: a phase for each
refuse 2 '1 phase for 2 magnitudes' "$magnitude" "$magnitude" --phase "$work/radians.nii" --te 35ms,60ms
map pairs '2 of 128 x 128, TE 35, 60 ms' "$magnitude" "$magnitude" --phase "$work/radians.nii" \
	--phase "$work/turn.nii" --te 35ms,60ms --t2 1ms,100ms

refuse 2 'wants the magnitude' $model --phase "$work/radians.nii"
refuse 3 'rescale it to radians' $model "$magnitude" --phase "$work/degrees.nii"
refuse 3 'wide.nii is 64 x 256' $model "$magnitude" --phase "$work/wide.nii"
refuse 3 'unknown.nii: voxel.z 0..y 1..x 2. is not a finite number (nan); write 0' $model "$magnitude" \
	--phase "$work/unknown.nii"
refuse 3 'is no magnitude' $model "$work/radians.nii" --phase "$magnitude"
refuse 3 'needs no --phase' $model "$work/image.h5" --phase "$work/radians.nii"

# --- raw data; they tell their echo spacing, as the result does ---
for method in $model $moled; do
	map result 'T2  ' $method "$work/image.h5"
	map raw 'image.mrd: 1 coil, 128 of 128 lines' $method "$work/image.mrd"
	same raw result 0.01
done
refuse 3 'is raw data' $model "$work/image.mrd" --phase "$work/radians.nii"
"$precess" map $model "$work/image.mrd" --json -q >"$work/log" 2>&1 || fail "map --json"
grep -q '"methods": "walsh 9x9"' "$work/log" || fail "no word of the reconstruction"
echo ok

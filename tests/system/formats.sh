#!/bin/sh
# One simulation in every format, read by programs that are not ours: the same numbers, at their place
# in space, with the labels that reconstructions sort by. A full disk leaves nothing.
precess=$1
python=/usr/bin/python3
"$python" -c 'import h5py, nibabel, numpy' 2>/dev/null || { echo "no h5py or nibabel"; exit 77; }
folder=$(mktemp -d) || exit 1
trap 'rm -rf "$folder"' EXIT
failed=0

fail() {
	failed=$((failed + 1))
	echo "FAILED: $*"
}
simulate() { # NAME ENDING...
	name=$1
	shift
	for ending; do
		"$precess" simulate "sequences/$name.seq" --object head:1 --spins 128 --tolerance 1e-3 \
			--quiet -o "$folder/$name$ending" >/dev/null 2>&1 || fail "$name$ending"
	done
}

simulate 05_multi_echo .h5 .nii .nii.gz .mrd
"$precess" convert "$folder/05_multi_echo.h5" -o "$folder/converted.nii" >/dev/null || fail "convert"
simulate 07_spin_echo_epi .h5 .mrd
simulate 09_radial .h5 .mrd

# three lines without blips and one of noise, in front of an EPI; and the same without their samples
cat >"$folder/nav.seq" <<'SEQ'
seq 1
sequence navigated "Navigators and noise"
import std.epi (epi_train)
import std.grads (readout, prephaser)
map T2 : time   = 80ms
map M0 : number in 0 .. 1
geometry fov = [220mm, 220mm], matrix = [64, 64]
system = ideal
let gx = readout(5us)
reset
play adc(256, dwell = 5us, noise = true)
play e = hard(90deg, 100us, use = excitation)
play prephaser(gx)
for i in 0 ..< 3 {
  play (1 - 2 * (i % 2)) * gx & adc(matrix.x, over = gx, dwell = 5us, line = 32, nav = true)
}
play prephaser(gx)
play epi_train(esp = 0.5ms) with k0 at e.center + 50ms
SEQ
sed 's/play adc.*/delay 256 * 5us/; s/ & adc.*//' "$folder/nav.seq" >"$folder/plain.seq"
for ending in nav.h5 nav.mrd plain.h5; do
	"$precess" simulate "$folder/${ending%.*}.seq" --object head:1 --method direct \
		--quiet -o "$folder/$ending" >/dev/null || fail "$ending"
done

"$python" - "$folder" <<'END' || fail "what others read differs"
import re, sys
import h5py, nibabel, numpy as np

folder = sys.argv[1]

def raw(name):
    with h5py.File(f"{folder}/{name}.mrd") as f:
        head = f["dataset/xml"][0].decode()
        rows = f["dataset/data"][()]
    number = lambda path: float(re.search(".*?".join(f"<{p}>" for p in path.split("/")) + r"([^<]*)<", head, re.S)[1])
    samples = [r["data"].view("<c8") for r in rows]
    return number, head, rows["head"], samples, [r["traj"] for r in rows]

# the image, x first, its corner pixel centred half a pixel inside the field of view
with h5py.File(f"{folder}/05_multi_echo.h5") as f:
    image = f["image"][()]
for name in "05_multi_echo.nii", "05_multi_echo.nii.gz", "converted.nii":
    v = nibabel.load(f"{folder}/{name}")
    assert nibabel.aff2axcodes(v.affine) == ("R", "A", "S")
    assert v.shape == (64, 64, 1, 8), v.shape
    assert np.array_equal(np.asarray(v.dataobj)[:, :, 0, :], image.transpose(2, 1, 0))
    assert np.allclose(v.affine, v.get_qform(), atol=1e-5)
    assert np.allclose(v.header.get_zooms()[:3], (220 / 64, 220 / 64, 5))
    assert np.allclose(v.affine[:3, 3], (-110 + 110 / 64, -110 + 110 / 64, 0))

# labels: echoes that make images of their own are contrasts
number, head, h, samples, traj = raw("05_multi_echo")
with h5py.File(f"{folder}/05_multi_echo.h5") as f:
    signal, k = f["signal"][()], f["kspace"][()]
assert np.array_equal(np.concatenate(samples), signal)
assert "<trajectory>cartesian<" in head and number("encodedSpace/matrixSize/x") == 64
assert number("reconSpace/fieldOfView_mm/y") == 220
assert number("encodingLimits/contrast/maximum") == 7
assert number("kspace_encoding_step_1/center") == 32
i = h["idx"]
assert np.array_equal(i["contrast"], np.tile(np.arange(8), 64))
assert np.array_equal(i["kspace_encode_step_1"], np.repeat(np.arange(64), 8))
assert (h["number_of_samples"] == 64).all() and (h["active_channels"] == 1).all()
assert (h["center_sample"] == 32).all() and np.allclose(h["sample_time_us"], 20)
for a in range(len(h)):
    assert np.array_equal(k[i["contrast"][a], i["kspace_encode_step_1"][a]], samples[a])
flag = lambda h, n: (h["flags"] >> np.uint64(n - 1)) & np.uint64(1)
assert flag(h, 7).sum() == flag(h, 8).sum() == 8  # one first and one last in each image
assert flag(h, 25).sum() == 1 and flag(h[-1:], 25)[0] == 1
assert np.allclose(np.array(traj).reshape(64, 8, 64, 2)[:, 3, :, 1], np.arange(64)[:, None] - 32, atol=1e-3)

# to and fro
number, head, h, samples, traj = raw("07_spin_echo_epi")
assert "<trajectory>epi<" in head
reverse = flag(h, 22)
assert 0 < reverse.sum() < len(h) and (reverse[1:] != reverse[:-1]).all()
for t, r in zip(traj, reverse):
    assert (t[0] > t[-2]) == bool(r)

# navigators and noise: flagged, and no part of the image
with h5py.File(f"{folder}/nav.h5") as f, h5py.File(f"{folder}/plain.h5") as g:
    assert np.array_equal(f["kspace"][()], g["kspace"][()]) and abs(f["kspace"][()]).max() > 0.05
number, head, h, samples, traj = raw("nav")
assert "<trajectory>epi<" in head and len(h) == 68 and number("encodedSpace/matrixSize/x") == 64
assert np.array_equal(flag(h, 19), [1] + 67 * [0])
assert np.array_equal(flag(h, 24), [0, 1, 1, 1] + 64 * [0])
assert np.array_equal(flag(h, 22)[1:7], [0, 1, 0, 0, 1, 0])
assert (h["idx"]["kspace_encode_step_1"][1:4] == 32).all() and flag(h, 1)[4] == 1
assert np.allclose([t[1::2] for t in traj[1:4]], 0, atol=1e-3)

# spokes: through the centre, counted
number, head, h, samples, traj = raw("09_radial")
assert "<trajectory>radial<" in head and len(h) == 101
assert np.array_equal(h["idx"]["kspace_encode_step_1"], np.arange(101))
assert np.allclose(np.hypot(*np.array(traj).reshape(101, 128, 2)[:, 64].T), 0, atol=1e-3)
END

# what cannot be written leaves neither a file nor a part of one
mkdir "$folder/full"
for ending in .h5 .nii .nii.gz .mrd .cfl; do
	(ulimit -f 8; trap '' XFSZ
	 "$precess" simulate sequences/gre_epi.seq --spins 64 --tolerance 1e-2 --quiet \
		-o "$folder/full/a$ending" >/dev/null 2>"$folder/message") && fail "$ending fits in 4 kB"
	grep -q 'precess: cannot write .*File too large' "$folder/message" ||
		fail "$ending: $(cat "$folder/message")"
	[ "$(wc -l <"$folder/message")" -eq 1 ] || fail "$ending: more than one line"
done
[ -z "$(ls -A "$folder/full")" ] || fail "left behind: $(ls -A "$folder/full")"

"$precess" simulate sequences/01_fid.seq --quiet -o "$folder/a.foo" 2>"$folder/message" && fail "a.foo"
grep -q 'a.foo: the ending of the name chooses the format' "$folder/message" || fail "a.foo: no list"
"$precess" simulate sequences/01_fid.seq --quiet -o "$folder/a.nii" 2>"$folder/message" && fail "a.nii"
grep -q 'a.nii: fid has no image' "$folder/message" || fail "an image of a FID"
[ $failed -eq 0 ]

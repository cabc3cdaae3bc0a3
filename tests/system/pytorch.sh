#!/bin/sh
# The shipped networks give in PyTorch what they give here, and another network's weights do not.
set -eu
precess=$1
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

for python in "${PYTHON:-python3}" /usr/bin/python3 none; do
	"$python" -c 'import torch, h5py' 2>/dev/null && break
done
[ "$python" != none ] || { echo "skipped: no python3 with torch and h5py"; exit 77; }

for name in moled gre_epi fse; do
	"$precess" predict "models/$name.h5" --object head:5 --threads 1 \
		--tensors "$dir/$name.h5" >"$dir/out"
	grep -q "^wrote .*$name.h5" "$dir/out" || { echo "FAILED: not told"; exit 1; }
	"$python" models/pytorch.py "models/$name.h5" "$dir/$name.h5" ||
		{ echo "FAILED: $name"; exit 1; }
done

# a model with one weight changed is noticed
cp models/fse.h5 "$dir/changed.h5"
chmod +w "$dir/changed.h5"
"$python" - "$dir/changed.h5" <<'END'
import h5py, sys
with h5py.File(sys.argv[1], "r+") as f:
    f["weights/enc1a.bias"][0] += 1
END
if "$python" models/pytorch.py "$dir/changed.h5" "$dir/fse.h5" >/dev/null; then
	echo "FAILED: another bias made no difference"
	exit 1
fi

# A machine without the CUDA toolkit: configured with it hidden, the program builds, says why no
# device is there, and simulates. What is built anew is all of it: minutes.
set -eu
root=$PWD
build=$(mktemp -d)
trap 'rm -rf "$build"' EXIT

# as where no nvcc is found, wherever it lies
cmake -S "$root" -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DCMAKE_C_FLAGS_RELEASE=-O1 \
	-DCMAKE_CUDA_COMPILER=NOTFOUND -DCMAKE_DISABLE_FIND_PACKAGE_CUDAToolkit=ON \
	>"$build/log" 2>&1 || { cat "$build/log"; exit 1; }
grep -q 'devices: cpu (no CUDA backend' "$build/log" || { cat "$build/log"; exit 1; }
cmake --build "$build" --target precess test_ops test_launches >"$build/log" 2>&1 ||
	{ tail -n 40 "$build/log"; exit 1; }
[ ! -e "$build/backend_cuda.so" ]
"$build/tests/test_ops"
"$build/tests/test_launches"
status=0
"$build/precess" simulate sequences/01_fid.seq --spins 16 --device cuda >"$build/log" 2>&1 || status=$?
cat "$build/log"
[ "$status" -eq 4 ]
grep -q 'this build has none' "$build/log"
"$build/precess" simulate sequences/01_fid.seq --spins 16 --device auto -v >"$build/log" 2>&1
grep -q 'device: cpu: ' "$build/log"
echo "built and run without the toolkit"

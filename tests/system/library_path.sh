#!/bin/sh
# Whatever compiles a sequence finds its modules in the folders of --library-path: also the sequence
# inside a model, and the one that raw data were played with. Without them it says what to type.
precess=$1
root=$(pwd)
folder=$(mktemp -d) || exit 1
trap 'rm -rf "$folder"' EXIT
cd "$folder" || exit 1
mkdir -p parts/own lib elsewhere
unset PRECESS_PATH
failed=0

printf 'seq 1\nmodule own.times\n\nconst middle = 20ms\n' >parts/own/times.seq
cat >elsewhere/small.seq <<'SEQ'
seq 1
sequence small
import std.epi (epi_train)
import own.times (middle)
param ESP : time in 0.5ms .. 0.7ms = 0.6ms
map T2  : time      in 10ms .. 650ms
map M0  : number    in 0 .. 1
geometry fov = [220mm, 220mm], matrix = [32, 32]
system = ideal
reset
play e = hard(90deg, 100us, use = excitation)
play epi_train(esp = ESP) with k0 at e.center + middle
SEQ
cat >task.net <<'NET'
name task
kind unet
target T2
scale 0.1
low 0.01
high 0.6
known ESP
width 4
levels 2
rate 0.003
images 40
NET
"$precess" build parts/own -o lib/own.seqlib >/dev/null || exit 1
seq=elsewhere/small.seq

# both ARGUMENT...: not without the folder, but with it
both() {
	if "$precess" "$@" >output 2>&1; then
		failed=$((failed + 1))
		echo "FAILED: precess $* found its library by itself"
	elif ! grep -qF -e '--library-path FOLDER' output; then
		failed=$((failed + 1))
		echo "FAILED: precess $* does not say --library-path"
		cat output
	fi
	"$precess" "$@" --library-path lib >output 2>&1 || {
		failed=$((failed + 1))
		echo "FAILED: precess $* --library-path lib"
		cat output
	}
}

quick='--threads 1 --validate 0 -q'
both check $seq
both explain $seq
both plot $seq -o plot.svg
both simulate $seq --spins 32 -o image.h5 -q
both simulate $seq --spins 32 -o raw.mrd -q
both generate $seq -n 1 -o data.h5 --threads 1 -q
both train $seq --width 4 --samples 8 $quick -o image_model.h5
both train $seq --task task.net --samples 8 $quick -o map_model.h5
both predict image_model.h5
both predict image_model.h5 $seq
both evaluate image_model.h5 -n 1 --threads 1 -q
both evaluate map_model.h5 -n 8 --threads 1 -q
both compare image_model.h5 --scale T2=50ms --threads 1
both map map_model.h5 image.h5 -o map.h5
both reconstruct raw.mrd --sequence $seq -o again.h5
[ $failed -eq 0 ]

#!/bin/sh
# Ctrl-C during a long simulation: it ends soon, says so, and leaves no file.
precess=$1
folder=$(mktemp -d) || exit 1
trap 'rm -rf "$folder"' EXIT
fail() {
	echo "FAILED: $*"
	cat "$folder/message"
	exit 1
}

# Minutes of work; a shell without job control starts its children deaf to SIGINT, hence `env`.
mkdir "$folder/run"
env --default-signal=INT true 2>/dev/null || exit 77
env --default-signal=INT "$precess" simulate sequences/fse.seq --method step --spins 512 \
	-o "$folder/run/out.h5" --png "$folder/run/out" >"$folder/output" 2>"$folder/message" &
pid=$!
sleep 2
kill -INT $pid 2>/dev/null || fail "it ended by itself"
waited=0
while kill -0 $pid 2>/dev/null; do
	waited=$((waited + 1))
	[ $waited -le 10 ] || {
		kill -KILL $pid
		fail "still running 10 s after SIGINT"
	}
	sleep 1
done
wait $pid
status=$?
[ $status -ne 0 ] || fail "exit status 0"
grep -q interrupted "$folder/message" || fail "does not say that it was interrupted"
[ -z "$(find "$folder/run" -type f)" ] || fail "left $(find "$folder/run" -type f)"

#!/bin/sh
# Runs the compiler that follows. What its assembler says of registers and memory goes to the object's
# name with .resources (resources.cmake reads it), everything else to standard error as ever.
previous=
object=
for argument; do
	[ "$previous" != -o ] || object=$argument
	previous=$argument
done
[ -n "$object" ] || exec "$@"
status=0
"$@" 2>"$object.resources" || status=$?
grep -Ev '^ptxas info|^ *[0-9]+ bytes stack frame' "$object.resources" >&2
exit $status

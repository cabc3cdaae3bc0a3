#!/bin/sh
# With --json every command prints one JSON object on standard output and nothing else there, whether
# it succeeds or fails, and the object has the fields that scripts rely on.
precess=$1
root=$(pwd)
folder=$(mktemp -d) || exit 1
trap 'rm -rf "$folder"' EXIT
cd "$folder" || exit 1
failed=0
seq=$root/sequences/gre_epi.seq

fail() {
	failed=$((failed + 1))
	echo "FAILED: $*"
	head -c 2000 output message
}

# valid FIELD...: one object with these fields. Without Python only its shape is looked at.
if command -v python3 >/dev/null 2>&1 && python3 -c 'import json' 2>/dev/null; then
	valid() {
		python3 - "$@" <<'END'
import json, sys

def strict(constant):
    raise ValueError(constant + " is not JSON")

with open("output") as f:
    value = json.loads(f.read(), parse_constant=strict)
assert isinstance(value, dict), "no object"
for field in sys.argv[1:]:
    at = value
    for name in field.split("."):
        at = at[int(name) if name.isdigit() else name]
END
	}
else
	valid() {
		[ "$(head -c 1 output)" = '{' ] && [ "$(tail -n 1 output)" = '}' ] || return 1
		[ "$(grep -c '^{' output)" -eq 1 ] || return 1
		for field; do
			grep -q "\"${field%%.*}\":" output || return 1
		done
	}
fi

# says STATUS FIELDS ARGUMENT...
says() {
	want=$1
	fields=$2
	shift 2
	"$precess" "$@" --json >output 2>message
	status=$?
	[ $status -eq "$want" ] || fail "precess $* --json: exit status $status, not $want"
	valid ok $fields 2>>message || fail "precess $* --json: no object with ok $fields"
	ok=false
	[ "$want" -ne 0 ] || ok=true
	grep -q "^  \"ok\": $ok" output || fail "precess $* --json: ok is not $ok"
}

printf 'seq 1\nsequence a\nsystem = ideal\nplay hard(90deg,\n' >wrong.seq
small="--spins 16 --quiet"

says 0 'files.0.sequence files.0.hash files.0.diagnostics' check "$seq"
says 0 'files.1.sequence' check "$seq" "$root/sequences/fse.seq"
says 1 'files.0.diagnostics.0.id files.0.diagnostics.0.line files.1.ok' check wrong.seq "$seq"
says 3 'files.0.error' check nowhere.seq

says 0 'sequence hash duration parameters.TE marks notes blocks.0.start' explain "$seq"
says 1 'diagnostics.0.message' explain wrong.seq
says 3 'error' explain nowhere.seq

says 0 'sequence output' plot "$seq" -o plot.svg
says 1 'diagnostics.0.message' plot wrong.seq
says 3 'error' plot "$seq" -o no/plot.svg

says 0 'sequence parameters.ESP methods.line device threads spins.1 seconds error_bound output' simulate "$seq" $small
says 0 'output png tolerance warnings object' simulate "$seq" $small -o out.h5 --png out
says 0 'methods error_bound' simulate "$root/sequences/01_fid.seq" $small
says 1 'diagnostics.0.message' simulate wrong.seq
says 3 'error' simulate "$seq" $small -o no/out.h5
says 3 'error' simulate "$seq" $small --object nowhere.h5
says 3 'error' simulate nowhere.seq

says 0 'object output' object make uniform --spins 16 -o maps.h5
says 0 'object ranges' object show maps.h5
says 3 'error' object make nowhere.h5 -o more.h5
says 3 'error' object import --labels nowhere.nii --table nowhere.txt -o more.h5

rows='rows.0.sequence rows.0.spins rows.0.tolerance rows.0.method rows.0.ms rows.0.direct_ms'
rows="$rows rows.0.ratio rows.0.error_bound rows.0.measured_error rows.0.model_ms"
says 0 "$rows rows.1.spins" bench simulate "$seq" --spins 16,24 --repeats 1
says 0 'rows.0.spins rows.0.psnr_db rows.0.warnings' bench grid "$root/sequences/moled.seq" --reference 64
says 1 'diagnostics.0.message' bench simulate wrong.seq
says 3 'error' bench grid nowhere.seq

mkdir lib broken
printf 'seq 1\nmodule lib.a 1\nconst n = 4\n' >lib/a.seq
printf 'seq 1\nmodule broken.a\nconst n = 4 +\n' >broken/a.seq
says 0 'library hash modules.0.name modules.0.version' build lib -o lib.seqlib
says 0 'modules.0.symbols.0.signature' doc lib
says 0 'modules.0.symbols.0.doc' doc std spoiler
says 1 'diagnostics.0.id' build broken -o broken.seqlib
says 1 'diagnostics.0.id' build broken -o other.seqlib
says 3 error build nowhere -o lib.seqlib
says 3 error doc nowhere.seqlib

# A wrong command line, too.
says 2 error build lib
says 2 error build lib -o lib
says 2 error doc
says 2 error doc nowhere
says 2 error doc std nothing
says 2 error check
says 2 files.0.error check "$seq" --dump tree
says 2 files.0.error check "$seq" --set TE
says 2 error explain "$root/stdlib/epi.seq"
says 2 error plot "$root/stdlib/epi.seq"
says 2 error plot "$seq" --from 5Hz
says 2 error simulate
says 2 error simulate "$seq" --spins 0
says 2 error simulate "$seq" --method fast
says 2 error simulate "$seq" --map B1
says 2 error object make uniform
says 2 error bench nonsense
says 2 error bench simulate "$seq" --spins 16,x

[ $failed -eq 0 ]

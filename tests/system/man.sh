#!/bin/sh
# precess help --man: every command and every option of its --help is in the manual page, and groff,
# where there is one, has nothing to complain of.
precess=$1
folder=$(mktemp -d) || exit 1
trap 'rm -rf "$folder"' EXIT
cd "$folder" || exit 1
failed=0
"$precess" help --man >precess.1 || exit 1
commands=$("$precess" help | sed -n 's/^  precess \([a-z]*\) .*/\1/p')
[ "$(echo "$commands" | wc -l)" -gt 10 ] || exit 1
for command in $commands; do
	sed -n "/^\.SS $command\$/,/^\.S[SH] /p" precess.1 | sed 's/\\-/-/g' >part
	options=$("$precess" "$command" --help | sed -n 's/^  \(-[a-z], \|    \)\(--[a-z0-9-]*\).*/\2/p')
	[ -n "$options" ] || { echo "$command has no options?"; failed=1; }
	for option in $options; do
		grep -q -e "^\.B \(-[a-z], \)\{0,1\}$option\$" part || { echo "$command $option"; failed=1; }
	done
done
if command -v groff >/dev/null; then
	groff -man -Tutf8 -ww precess.1 >text 2>warnings || failed=1
	[ ! -s warnings ] || { cat warnings; failed=1; }
	[ "$(wc -l <text)" -gt 200 ] || { echo "the page is short"; failed=1; }
fi
exit $failed

# One line of a source and one of its classes (classes.c) in turn: a test file for vscode-tmgrammar-test.
BEGIN {
	scope["c"] = "comment.line.number-sign.precess"
	scope["t"] = "string.quoted.double.precess"
	scope["k"] = "keyword.control.precess"
	scope["d"] = "- comment.line.number-sign.precess string.quoted.double.precess keyword.control.precess"
	scope["."] = scope["d"] " constant.numeric.precess keyword.other.unit.precess"
	print "# SYNTAX TEST \"source.precess\""
}
NR % 2 == 1 { text = $0; print; next }
{
	for (i = 1; i <= length($0); i += n) {
		class = substr($0, i, 1)
		for (n = 1; substr($0, i + n, 1) == class && (class != "." || substr(text, i + n, 1) != " "); n++);
		if (class == "." && substr(text, i, 1) == " ") { n = 1; continue }
		line = sprintf("%" n "s", "")
		if (i > 1) { gsub(/ /, "^", line); printf "#%" (i - 2) "s%s %s\n", "", line, scope[class] }
		else { gsub(/ /, "-", line); printf "# <%s %s\n", line, scope[class] }
	}
}

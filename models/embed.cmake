# Writes OUT: the templates of this folder as a C table, so that the program needs no files.
file(GLOB files RELATIVE ${ROOT} ${ROOT}/*.net)
list(SORT files)
set(out "#include \"compiler/driver/templates.h\"\n\nconst struct network_text network_texts[] = {\n")
foreach(f ${files})
  string(REGEX REPLACE "\\.net$" "" name ${f})
  file(READ ${ROOT}/${f} hex HEX)
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "\\\\x\\1" hex "${hex}")
  # adjacent literals: C11 guarantees only 4095 characters in one, and \x must not run on
  string(REGEX REPLACE "((\\\\x[0-9a-f][0-9a-f])(\\\\x[0-9a-f][0-9a-f])?(\\\\x[0-9a-f][0-9a-f])?(\\\\x[0-9a-f][0-9a-f])?(\\\\x[0-9a-f][0-9a-f])?(\\\\x[0-9a-f][0-9a-f])?(\\\\x[0-9a-f][0-9a-f])?(\\\\x[0-9a-f][0-9a-f])?)" "\t\t\"\\1\"\n" hex "${hex}")
  string(APPEND out "\t{ \"${name}\",\n${hex}\t},\n")
endforeach()
string(APPEND out "\t{ 0, 0 },\n};\n")
file(WRITE ${OUT} "${out}")

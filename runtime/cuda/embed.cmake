# Writes OUT: the headers that kernels made at run time include, as a C table.
set(files runtime/bloch/spin.h runtime/bloch/tables.def runtime/bloch/bloch.h runtime/cuda/state.h)
set(out "#include \"runtime/backend/backend.h\"\n\nconst struct backend_header backend_headers[] = {\n")
foreach(f ${files})
  file(READ ${ROOT}/${f} hex HEX)
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "\\\\x\\1" hex "${hex}")
  # adjacent literals: C11 guarantees only 4095 characters in one, and \x must not run on
  string(REGEX REPLACE "((\\\\x[0-9a-f][0-9a-f])(\\\\x[0-9a-f][0-9a-f])?(\\\\x[0-9a-f][0-9a-f])?(\\\\x[0-9a-f][0-9a-f])?(\\\\x[0-9a-f][0-9a-f])?(\\\\x[0-9a-f][0-9a-f])?(\\\\x[0-9a-f][0-9a-f])?(\\\\x[0-9a-f][0-9a-f])?)" "\t\t\"\\1\"\n" hex "${hex}")
  string(APPEND out "\t{ \"${f}\",\n${hex}\t},\n")
endforeach()
string(APPEND out "\t{ 0, 0 },\n};\n")
file(WRITE ${OUT} "${out}")

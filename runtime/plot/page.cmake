# Writes OUT: page.html and page.js of ROOT as C arrays, so that the program needs no files.
set(out "#include \"runtime/plot/page.h\"\n")
foreach(kind html js)
  file(READ ${ROOT}/page.${kind} hex HEX)
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${hex}")
  string(REGEX REPLACE "(0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,)" "\t\\1\n" bytes "${bytes}")
  string(APPEND out "\nconst char page_${kind}[] = {\n${bytes} 0\n};\n")
endforeach()
file(WRITE ${OUT} "${out}")

# Writes OUT: the bytes of the library IN as a C array, so that the program needs no files.
file(READ ${IN} hex HEX)
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${hex}")
string(REGEX REPLACE "(0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,)" "\t\\1\n" bytes "${bytes}")
file(WRITE ${OUT} "#include \"compiler/elab/stdlib.h\"\n\nconst unsigned char stdlib_bytes[] = {\n${bytes}\n};\nconst size_t stdlib_size = sizeof stdlib_bytes;\n")

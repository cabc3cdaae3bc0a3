# Every header stands alone, and may be included twice: as C11, and the runtime headers that CUDA
# sources include also as C++17.   cmake -DROOT=... -DCC=... -DCXX=... -P headers.cmake
cmake_minimum_required(VERSION 3.25)
set(shared_with_cuda runtime/base runtime/program runtime/bloch)
set(flags -Wall -Wextra -Wpedantic -Werror -Wno-unused-function -fsyntax-only -I${ROOT})

file(GLOB_RECURSE headers RELATIVE ${ROOT} ${ROOT}/lang/*.h ${ROOT}/compiler/*.h ${ROOT}/runtime/*.h)
set(failed 0)
set(passed 0)

function(compile header)
  execute_process(COMMAND ${ARGN} ${flags} -include ${header} -include ${header} /dev/null
    WORKING_DIRECTORY ${ROOT} RESULT_VARIABLE status ERROR_VARIABLE output)
  if(status)
    message("${header} does not stand alone (${ARGN}):\n${output}")
    math(EXPR failed "${failed} + 1")
    set(failed ${failed} PARENT_SCOPE)
  else()
    math(EXPR passed "${passed} + 1")
    set(passed ${passed} PARENT_SCOPE)
  endif()
endfunction()

foreach(header ${headers})
  compile(${header} ${CC} -std=c11 -x c)
  get_filename_component(folder ${header} DIRECTORY)
  if(CXX AND folder IN_LIST shared_with_cuda)
    compile(${header} ${CXX} -std=c++17 -x c++)
  endif()
endforeach()
message("${passed} passed, ${failed} failed")
if(failed OR NOT headers)
  message(FATAL_ERROR "headers")
endif()

# The CUDA backend: a library of its own, loaded at run time where there is a device. Languages are
# enabled before the first target, or targets would have no CUDA_ARCHITECTURES; nothing links the
# driver (-lcuda), or the library would not even load to say that there is none.
set(PRECESS_CUDA AUTO CACHE STRING "Build backend_cuda.so: AUTO (where nvcc is found), ON or OFF")
include(CheckLanguage)
check_language(CXX) # for the tests that run the kernels as loops
if(CMAKE_CXX_COMPILER)
  set(CMAKE_CXX_STANDARD 17)
  set(CMAKE_CXX_FLAGS_RELEASE "-O2 -g1")
  set(CMAKE_CXX_FLAGS_DEBUG "-O0 -g")
  enable_language(CXX)
endif()
set(precess_cuda OFF)
if(PRECESS_CUDA AND NOT PRECESS_ASAN AND NOT PRECESS_FUZZ AND CMAKE_CXX_COMPILER)
  check_language(CUDA)
  if(CMAKE_CUDA_COMPILER)
    if(NOT CMAKE_CUDA_ARCHITECTURES)
      set(CMAKE_CUDA_ARCHITECTURES 75-real 80-real 86-real 89-real 90-real 100-real 120)
    endif()
    set(CMAKE_CUDA_STANDARD 17)
    enable_language(CUDA)
    find_package(CUDAToolkit QUIET)
    if(TARGET CUDA::cufft)
      set(precess_cuda ON)
    endif()
  endif()
endif()
if(precess_cuda)
  message(STATUS "devices: cpu, cuda (nvcc ${CMAKE_CUDA_COMPILER_VERSION})")
elseif(PRECESS_CUDA STREQUAL "ON")
  message(FATAL_ERROR "PRECESS_CUDA=ON needs nvcc, a C++ compiler and cuFFT, and no sanitizer")
else()
  message(STATUS "devices: cpu (no CUDA backend: PRECESS_CUDA=${PRECESS_CUDA}, or no toolkit)")
endif()

# backend_cuda.so, and the table of what its kernels need: a part of the program, which plans launches
# where no device is.
function(precess_cuda_backend)
  set(objects "")
  if(precess_cuda)
    precess_cuda_library()
    set(objects $<TARGET_OBJECTS:backend_cuda>)
  endif()
  add_custom_command(OUTPUT ${generated}/kernel_resources.c
    DEPENDS ${objects} ${CMAKE_SOURCE_DIR}/runtime/cuda/resources.cmake
    COMMAND ${CMAKE_COMMAND} -DOUT=${generated}/kernel_resources.c "-DOBJECTS=${objects}"
      -P ${CMAKE_SOURCE_DIR}/runtime/cuda/resources.cmake VERBATIM)
  target_sources(runtime_backend PRIVATE ${generated}/kernel_resources.c)
endfunction()

function(precess_cuda_library)
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/runtime/cuda/*.cu)
  add_library(backend_cuda MODULE ${sources} ${CMAKE_SOURCE_DIR}/runtime/base/status.c)
  set_target_properties(backend_cuda PROPERTIES PREFIX "" LIBRARY_OUTPUT_DIRECTORY
    ${CMAKE_BINARY_DIR})
  target_include_directories(backend_cuda PRIVATE ${CMAKE_SOURCE_DIR})
  target_link_libraries(backend_cuda PRIVATE CUDA::cufft)
  # a call of the host from a kernel is else a warning, and the kernel is left empty
  target_compile_options(backend_cuda PRIVATE
    "$<$<COMPILE_LANGUAGE:CUDA>:SHELL:-Werror cross-execution-space-call>"
    $<$<COMPILE_LANGUAGE:CUDA>:--resource-usage>)
  set(launcher sh ${CMAKE_SOURCE_DIR}/runtime/cuda/resources.sh ${CMAKE_CUDA_COMPILER_LAUNCHER})
  set_target_properties(backend_cuda PROPERTIES CUDA_COMPILER_LAUNCHER "${launcher}")
endfunction()

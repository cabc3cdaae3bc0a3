# cmake [-DOUT=FILE.vsix] -P package.cmake: the extension as VS Code installs it, without a network.
# A .vsix is a zip of the files in extension/ with a manifest and a list of content types. The client of
# the protocol comes along when `npm install --omit=dev` was run here.
cmake_minimum_required(VERSION 3.19)
set(root ${CMAKE_CURRENT_LIST_DIR})
file(READ ${root}/package.json package)
foreach(key name displayName description version publisher)
  string(JSON ${key} GET "${package}" ${key})
endforeach()
string(JSON engine GET "${package}" engines vscode)
if(NOT OUT)
  set(OUT ${name}-${version}.vsix)
endif()
get_filename_component(OUT "${OUT}" ABSOLUTE)
string(RANDOM LENGTH 12 tag)
set(stage ${OUT}.${tag})
file(MAKE_DIRECTORY ${stage}/extension)
file(COPY ${root}/package.json ${root}/extension.js ${root}/language-configuration.json
  ${root}/snippets ${root}/syntaxes DESTINATION ${stage}/extension PATTERN "*.in" EXCLUDE)
file(COPY ${root}/../../LICENSE DESTINATION ${stage}/extension)
file(RENAME ${stage}/extension/LICENSE ${stage}/extension/LICENSE.txt)
if(EXISTS ${root}/node_modules/vscode-languageclient)
  file(COPY ${root}/node_modules DESTINATION ${stage}/extension PATTERN ".bin" EXCLUDE PATTERN ".cache" EXCLUDE)
else()
  message(WARNING "without the language server's client; first: npm install --omit=dev in ${root}")
endif()

file(WRITE ${stage}/extension.vsixmanifest "<?xml version=\"1.0\" encoding=\"utf-8\"?>
<PackageManifest Version=\"2.0.0\" xmlns=\"http://schemas.microsoft.com/developer/vsx-schema/2011\">
  <Metadata>
    <Identity Language=\"en-US\" Id=\"${name}\" Version=\"${version}\" Publisher=\"${publisher}\"/>
    <DisplayName>${displayName}</DisplayName>
    <Description xml:space=\"preserve\">${description}</Description>
    <Tags>mri,sequence,__ext_seq</Tags>
    <Categories>Programming Languages,Formatters</Categories>
    <GalleryFlags>Public</GalleryFlags>
    <Properties>
      <Property Id=\"Microsoft.VisualStudio.Code.Engine\" Value=\"${engine}\"/>
    </Properties>
    <License>extension/LICENSE.txt</License>
  </Metadata>
  <Installation>
    <InstallationTarget Id=\"Microsoft.VisualStudio.Code\"/>
  </Installation>
  <Dependencies/>
  <Assets>
    <Asset Type=\"Microsoft.VisualStudio.Code.Manifest\" Path=\"extension/package.json\" Addressable=\"true\"/>
    <Asset Type=\"Microsoft.VisualStudio.Services.Content.License\" Path=\"extension/LICENSE.txt\" Addressable=\"true\"/>
  </Assets>
</PackageManifest>
")

# Every ending in the archive has a type.
file(GLOB_RECURSE files RELATIVE ${stage} ${stage}/extension/*)
set(endings vsixmanifest)
foreach(f ${files})
  if(f MATCHES "\\.([A-Za-z0-9]+)$")
    list(APPEND endings ${CMAKE_MATCH_1})
  endif()
endforeach()
list(REMOVE_DUPLICATES endings)
list(SORT endings)
set(types)
foreach(e ${endings})
  set(type application/octet-stream)
  if(e STREQUAL "json" OR e STREQUAL "map")
    set(type application/json)
  elseif(e STREQUAL "js")
    set(type application/javascript)
  elseif(e STREQUAL "vsixmanifest")
    set(type text/xml)
  elseif(e MATCHES "^(txt|md|ts)$")
    set(type text/plain)
  endif()
  string(APPEND types "  <Default Extension=\".${e}\" ContentType=\"${type}\"/>\n")
endforeach()
file(WRITE "${stage}/[Content_Types].xml" "<?xml version=\"1.0\" encoding=\"utf-8\"?>
<Types xmlns=\"http://schemas.openxmlformats.org/package/2006/content-types\">
${types}</Types>
")
execute_process(COMMAND ${CMAKE_COMMAND} -E tar cf ${OUT}.${tag}.zip --format=zip "[Content_Types].xml"
  extension.vsixmanifest extension WORKING_DIRECTORY ${stage} RESULT_VARIABLE status)
file(REMOVE_RECURSE ${stage})
if(status)
  file(REMOVE ${OUT}.${tag}.zip)
  message(FATAL_ERROR "${OUT} could not be written")
endif()
file(RENAME ${OUT}.${tag}.zip ${OUT})
message(STATUS "wrote ${OUT}")

if exists("b:did_indent")
  finish
endif
let b:did_indent = 1

setlocal indentexpr=PrecessIndent() indentkeys=0},0=with,0=&,o,O
let b:undo_indent = "setlocal indentexpr< indentkeys<"

" Braces indent by two; `with` and `&` go on below what is played.
function! PrecessIndent() abort
  let l:above = prevnonblank(v:lnum - 1)
  if l:above == 0
    return 0
  endif
  let l:line = substitute(getline(l:above), '#.*$\|"[^"]*"', '', 'g')
  let l:here = getline(v:lnum)
  if l:here =~# '^\s*\%(with\>\|&\)'
    return indent(l:above) + (getline(l:above) =~# '^\s*\%(with\>\|&\)' ? 0 : 5)
  endif
  while l:above > 1 && getline(l:above) =~# '^\s*\%(with\>\|&\)'
    let l:above -= 1
  endwhile
  let l:depth = indent(l:above) + (l:line =~# '{[^}]*$' ? 2 : 0)
  return l:here =~# '^\s*}' ? l:depth - 2 : l:depth
endfunction

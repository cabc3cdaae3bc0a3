" vim -es -N -u NONE -c 'set rtp^=editors/vim' -S vim.vim FILE.seq...: classes as classes.c prints them.
set encoding=utf-8
filetype plugin on
syntax on
let s:letter = {'Comment': 'c', 'Todo': 'c', 'Keyword': 'k', 'Number': 'd', 'Unit': 'd', 'Text': 't'}
let s:out = []
for s:file in argv()
  execute 'edit ++enc=utf-8' fnameescape(s:file)
  if &filetype !=# 'precess'
    cquit
  endif
  syntax sync fromstart
  for s:l in range(1, line('$'))
    let s:classes = ''
    let s:text = getline(s:l)
    for s:i in range(strchars(s:text, 1))
      let s:name = synIDattr(synID(s:l, byteidx(s:text, s:i) + 1, 0), 'name')
      let s:classes .= get(s:letter, substitute(s:name, '^precess', '', ''), '.')
    endfor
    call add(s:out, s:classes)
  endfor
endfor
call writefile(s:out, $CLASSES)
quitall!

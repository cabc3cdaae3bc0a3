" Pulseq's files end in .seq, too: only what begins with `seq 1` is ours.
function! s:Detect() abort
  for l:line in getline(1, 100)
    if l:line =~# '^\s*\%(#.*\)\=$'
      continue
    endif
    if l:line =~# '^\s*seq\s\+\d'
      setfiletype precess
    endif
    return
  endfor
endfunction
autocmd BufRead,BufNewFile *.seq call s:Detect()

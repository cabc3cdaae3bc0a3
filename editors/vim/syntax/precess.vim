" Vim syntax of the Precess language
if exists("b:current_syntax")
  finish
endif

syn keyword precessPredefined x y z fov matrix dk slice system gamma gammabar pi none start
syn keyword precessKeyword seq sequence module import as param const let map geometry system require def block return play with at for in if else reset delay mark and or not true false step
syn match precessBuiltin "\<\%(trapezoid\|arbitrary\|spiral\|combine\|hard\|sinc\|gauss\|shape\|slice_select\|adc\|sqrt\|abs\|min\|max\|round\|floor\|ceil\|sin\|cos\|tan\|asin\|acos\|atan\|atan2\|exp\|log\|length\)\>\ze\s*("
syn match precessType "\%(:\|->\)\s*\zs\%(number\|time\|length\|angle\|frequency\|field\|gradient\|slew\|wavenumber\|area\|int\|bool\|text\|axis\|rf\|grad\|adc\|block\)\>"
syn match precessMember "\.\@<!\.\h\w*"
syn match precessOperator "\.\.<\|\.\.\|->\|[-+*/%^&@=<>?!]"
syn match precessNumber "\<\d\+\%(_\d\+\)*\%(\.\d\+\%(_\d\+\)*\)\=\%([eE][-+]\=\d\+\)\=" nextgroup=precessUnit
syn match precessUnit contained "/\=\%(ns\|us\|µs\|μs\|ms\|s\|min\|nm\|um\|µm\|μm\|mm\|cm\|m\|uT\|µT\|μT\|mT\|T\|G\|Hz\|kHz\|MHz\|deg\|rad\|turn\|ppm\|%\)\%(\^-\=\d\+\)\=\%(/\%(ns\|us\|µs\|μs\|ms\|s\|min\|nm\|um\|µm\|μm\|mm\|cm\|m\|uT\|µT\|μT\|mT\|T\|G\|Hz\|kHz\|MHz\|deg\|rad\|turn\|ppm\|%\)\%(\^-\=\d\+\)\=\)*\%(\w\)\@!"
syn match precessUnit "\]\@1<=\%(ns\|us\|µs\|μs\|ms\|s\|min\|nm\|um\|µm\|μm\|mm\|cm\|m\|uT\|µT\|μT\|mT\|T\|G\|Hz\|kHz\|MHz\|deg\|rad\|turn\|ppm\|%\)\%(\^-\=\d\+\)\=\%(/\%(ns\|us\|µs\|μs\|ms\|s\|min\|nm\|um\|µm\|μm\|mm\|cm\|m\|uT\|µT\|μT\|mT\|T\|G\|Hz\|kHz\|MHz\|deg\|rad\|turn\|ppm\|%\)\%(\^-\=\d\+\)\=\)*\%(\w\)\@!"
syn region precessText start=+"+ skip=+\\["\\]+ end=+"+ oneline
syn match precessComment "#.*$" contains=precessTodo
syn keyword precessTodo contained TODO FIXME XXX

hi def link precessKeyword Keyword
hi def link precessPredefined Constant
hi def link precessBuiltin Function
hi def link precessType Type
hi def link precessMember Identifier
hi def link precessOperator Operator
hi def link precessNumber Number
hi def link precessUnit Special
hi def link precessText String
hi def link precessComment Comment
hi def link precessTodo Todo

let b:current_syntax = "precess"

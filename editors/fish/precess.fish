# Completion of `precess` for fish: source this file, or install it as
# ~/.config/fish/completions/precess.fish

function __precess_commands
	printf '%s\t%s\n' \
		check 'find every mistake of a sequence' \
		fmt 'give sequence files their one layout, in place; `-` is standard input' \
		build 'make a library that `import` finds from a folder of modules' \
		doc 'print what a library or module declares, and what for' \
		lsp 'serve editors: diagnostics, hover, completion, rename, layout' \
		explain 'print timeline, solved delays, TE, k-space order and the chosen methods' \
		plot 'draw the sequence diagram and the k-space trajectory' \
		simulate 'simulate the sequence on an object' \
		reconstruct 'make one complex image of the raw data of several coils' \
		import 'write a Pulseq file as source in the language, its loops found again' \
		export 'write the sequence as a Pulseq file' \
		convert 'give an image, or raw data, in another format' \
		object 'make, import and look at objects' \
		generate 'make training data: random parameters, objects and fields, simulated exactly' \
		train 'train a network that stands in for the simulation of a sequence, or that maps its images' \
		predict 'predict an image with a trained network' \
		evaluate 'score a trained network against the exact simulator, or a map against the object' \
		map 'map T2 from images: several echo times, an echo train or overlapping echoes and their sequence, or any images or raw data and a network trained for them' \
		compare 'a trained network beside the exact simulator, while a field grows or a parameter sweeps' \
		bench 'measure speed against a baseline, or the spin grid against a finer one' \
		help 'what all commands do, or how one is used'
end

function __precess_options
	set -l words (commandline -opc)
	$words[1] $words[2] --help 2>/dev/null |
		sed -n 's/^ *\(-[a-z], \)\{0,1\}\(--[a-z0-9-]*\)\(, -[a-z]\)\{0,1\} */\2\t/p'
end

complete -c precess -n __fish_use_subcommand -f -a '(__precess_commands)'
complete -c precess -n 'string match -q -- "-*" (commandline -ct)' -f -a '(__precess_options)'

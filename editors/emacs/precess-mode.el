;;; precess-mode.el --- MRI pulse sequences in the Precess language  -*- lexical-binding: t -*-

;;; Commentary:
;; (add-to-list 'load-path "PATH/editors/emacs") and (require 'precess-mode).
;; M-x eglot starts the language server `precess lsp`.

;;; Code:

(defgroup precess nil "Sequences in the Precess language." :group 'languages)

(defconst precess-keywords '("seq" "sequence" "module" "import" "as" "param" "const" "let" "map" "geometry" "system" "require" "def" "block" "return" "play" "with" "at" "for" "in" "if" "else" "reset" "delay" "mark" "and" "or" "not" "true" "false" "step"))
(defconst precess-types '("number" "time" "length" "angle" "frequency" "field" "gradient" "slew" "wavenumber" "area" "int" "bool" "text" "axis" "rf" "grad" "adc" "block"))
(defconst precess-units '("ns" "us" "µs" "μs" "ms" "s" "min" "nm" "um" "µm" "μm" "mm" "cm" "m" "uT" "µT" "μT" "mT" "T" "G" "Hz" "kHz" "MHz" "deg" "rad" "turn" "ppm" "%"))
(defconst precess-builtins '("trapezoid" "arbitrary" "spiral" "combine" "hard" "sinc" "gauss" "shape" "slice_select" "adc" "sqrt" "abs" "min" "max" "round" "floor" "ceil" "sin" "cos" "tan" "asin" "acos" "atan" "atan2" "exp" "log" "length"))
(defconst precess-predefined '("x" "y" "z" "fov" "matrix" "dk" "slice" "system" "gamma" "gammabar" "pi" "none" "start"))

(defface precess-number '((t :inherit font-lock-constant-face)) "Numbers." :group 'precess)
(defface precess-unit '((t :inherit font-lock-builtin-face)) "Units of numbers." :group 'precess)

(defvar precess-font-lock-keywords
  `(("\\_<[0-9][0-9_]*\\(?:\\.[0-9_]+\\)?\\(?:[eE][-+]?[0-9]+\\)?"
     (0 'precess-number)
     (,(concat "\\=/?" (regexp-opt precess-units) "\\(?:\\^-?[0-9]+\\)?"
               "\\(?:/" (regexp-opt precess-units) "\\(?:\\^-?[0-9]+\\)?\\)*")
      nil nil (0 'precess-unit)))
    (,(concat "]\\(" (regexp-opt precess-units) "\\(?:\\^-?[0-9]+\\)?"
              "\\(?:/" (regexp-opt precess-units) "\\(?:\\^-?[0-9]+\\)?\\)*\\)\\_>")
     1 'precess-unit)
    ("[^.]\\.\\([[:alpha:]_][[:alnum:]_]*\\)" 1 font-lock-variable-name-face)
    (,(regexp-opt precess-keywords 'symbols) . font-lock-keyword-face)
    (,(concat "\\(?::\\|->\\)\\s-*" (regexp-opt precess-types 'symbols))
     1 font-lock-type-face)
    (,(concat (regexp-opt precess-builtins 'symbols) "\\s-*(") 1 font-lock-function-name-face)
    (,(regexp-opt precess-predefined 'symbols) . font-lock-constant-face)))

(defvar precess-mode-syntax-table
  (let ((table (make-syntax-table)))
    (modify-syntax-entry ?# "<" table)
    (modify-syntax-entry ?\n ">" table)
    (modify-syntax-entry ?_ "_" table)
    ;; Operators are no part of a symbol: \_< finds the number in -5%.
    (mapc (lambda (c) (modify-syntax-entry c "." table)) ".-+*/%^&@=<>?!:")
    table))

(defun precess-indent-line ()
  "Braces indent by two; `with' and `&' go on below what is played."
  (interactive)
  (let ((column
         (save-excursion
           (back-to-indentation)
           (let ((depth (* 2 (car (syntax-ppss)))))
             (cond ((looking-at "[]})]") (max 0 (- depth 2)))
                   ((looking-at "with\\_>\\|&") (+ depth 5))
                   (t depth))))))
    (if (<= (current-column) (current-indentation))
        (indent-line-to column)
      (save-excursion (indent-line-to column)))))

;;;###autoload
(define-derived-mode precess-mode prog-mode "Precess"
  "Major mode for sequences in the Precess language."
  (setq-local font-lock-defaults '(precess-font-lock-keywords))
  (setq-local comment-start "# ")
  (setq-local comment-end "")
  (setq-local indent-tabs-mode nil)
  (setq-local indent-line-function #'precess-indent-line))

(defun precess-file-p ()
  "Does the buffer begin with `seq 1'?  Pulseq's .seq files do not."
  (save-excursion
    (goto-char (point-min))
    (forward-comment (buffer-size))
    (looking-at "\\(?:[ \t\r\n]*\\(?:#.*\\)?\n\\)*[ \t]*seq[ \t]+[0-9]")))

;;;###autoload
(add-to-list 'magic-mode-alist
             '((lambda () (and buffer-file-name
                               (string-suffix-p ".seq" buffer-file-name)
                               (precess-file-p)))
               . precess-mode))

(with-eval-after-load 'eglot
  (defvar eglot-server-programs)
  (add-to-list 'eglot-server-programs '(precess-mode . ("precess" "lsp"))))

(provide 'precess-mode)
;;; precess-mode.el ends here

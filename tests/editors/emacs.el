;;; emacs.el --- classes of characters by face, as classes.c prints them  -*- lexical-binding: t -*-
;; emacs -Q --batch -l editors/emacs/precess-mode.el -l emacs.el FILE.seq...
(defun classes-letter (face)
  (when (consp face) (setq face (car face)))
  (pcase face
    ((or 'font-lock-comment-face 'font-lock-comment-delimiter-face) ?c)
    ('font-lock-keyword-face ?k)
    ((or 'precess-number 'precess-unit) ?d)
    ('font-lock-string-face ?t)
    (_ ?.)))
(set-language-environment "UTF-8")
(dolist (file (mapcar #'expand-file-name command-line-args-left))
  (find-file file)
  (unless (eq major-mode 'precess-mode) (message "%s: %s" file major-mode) (kill-emacs 1))
  (font-lock-mode 1)
  (font-lock-ensure)
  (goto-char (point-min))
  (while (not (eobp))
    (send-string-to-terminal
     (string (if (eolp) ?\n (classes-letter (get-text-property (point) 'face)))))
    (forward-char)))
(kill-emacs 0)

;;; emacs_smoke.el --- completes in a file by eglot or lsp-mode, and saves it  -*- lexical-binding: t -*-
;; Run by test_emacs.py: emacs --batch -l emacs_smoke.el CLIENT FILE SERVER...

(setq debian-emacs-flavor 'emacs)
(let ((default-directory "/usr/share/emacs/site-lisp/elpa"))
  (when (file-directory-p default-directory)
    (normal-top-level-add-subdirs-to-load-path)))

(pcase-let ((`(,client ,file . ,server) command-line-args-left))
  (setq command-line-args-left nil)
  (define-derived-mode smoke-mode prog-mode "Smoke")
  (pcase client
    ("eglot"
     (require 'eglot)
     (add-to-list 'eglot-server-programs (cons 'smoke-mode server))
     (find-file file)
     (smoke-mode)
     (eglot '(smoke-mode) (cons 'transient default-directory) 'eglot-lsp-server server "python" nil))
    ("lsp-mode"
     (require 'lsp-mode)
     (require 'lsp-completion)
     (setq lsp-enable-snippet nil lsp-auto-guess-root t lsp-session-file (make-temp-file "session"))
     (add-to-list 'lsp-language-id-configuration '(smoke-mode . "python"))
     (lsp-register-client
      (make-lsp-client :new-connection (lsp-stdio-connection server) :major-modes '(smoke-mode) :server-id 'instant))
     (find-file file)
     (smoke-mode)
     (lsp-workspace-folders-add default-directory)
     (lsp)
     (with-timeout (30 (error "No server"))
       (while (not (lsp-feature? "textDocument/completion")) (accept-process-output nil 0.05)))
     (lsp-completion-mode 1)))
  (goto-char (point-min))
  (search-forward "pri")
  (let ((completion-styles '(basic)) (n 0))
    ;; No answer yet is asked for again, as by the next key of a user.
    (while (and (looking-back "pri" (line-beginning-position)) (< (setq n (1+ n)) 20))
      (accept-process-output nil 0.2)
      (completion-at-point)))
  (save-buffer)
  (message "completed: %s" (buffer-string)))

"""The workspace beside the event loop: owns the child process that keeps outlines, index and snippets; knows no LSP.

`workspace.Workspace` is the server's end, `process.main` where the child begins; `messages` is what both say.
"""

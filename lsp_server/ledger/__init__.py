"""What the server leaves behind for others to check: the audit trail; knows no document, prompt or answer."""

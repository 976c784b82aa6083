"""What the server leaves behind for others: audit trail, metrics and the report; knows no document, prompt or answer."""

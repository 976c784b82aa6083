"""What the server leaves behind for others: audit trail, metrics, report; knows no document, prompt or answer."""

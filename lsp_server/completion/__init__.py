"""The straight line from a keystroke to ghost text."""


class Superseded(Exception):
    """A newer request for the same document has taken this one's place."""

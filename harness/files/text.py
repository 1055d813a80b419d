"""Text made harmless."""


def harmless(text: object) -> str:
    """One line without control, bidirectional or other invisible characters: they are shown as escapes."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "replace").decode() for c in str(text))

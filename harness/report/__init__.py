"""How results are spoken: the terminal, files, pages."""

"""One chart a file: data in, inline SVG out. Only these files import matplotlib."""

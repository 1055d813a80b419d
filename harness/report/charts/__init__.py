"""One chart a file: data in, inline SVG out."""

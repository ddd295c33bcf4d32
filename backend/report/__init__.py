"""Reports as values and as files: numbers in words, tables, curves, HTML, SVG, CSV and LaTeX."""

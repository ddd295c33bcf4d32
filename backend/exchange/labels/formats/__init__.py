"""The formats of annotated texts, one module for reading or writing each."""

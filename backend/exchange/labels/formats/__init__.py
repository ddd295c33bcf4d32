"""The formats of annotated texts: a module that writes each, and beside it one that reads where reading is long."""

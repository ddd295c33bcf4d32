"""The trace formats, one module each; `detection` lists them in the order in which they are tried."""

"""Which expressions count as doubt, and where they stand in a text.

Owns the lexicons as values, their reading from YAML, the matching engine and the split of a response
into sections. Knows nothing of the store, of runs or of pages, and keeps no state.
"""

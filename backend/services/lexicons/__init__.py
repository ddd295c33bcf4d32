"""The lexicons at hand, shipped and own, and the cues that stored runs hold of them."""

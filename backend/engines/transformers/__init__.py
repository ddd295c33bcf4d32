"""The engine that needs no server: decoders, the generation loop and token sampling, on torch."""

"""The engine that runs models in this process: decoders, the generation loop and token sampling, on torch."""

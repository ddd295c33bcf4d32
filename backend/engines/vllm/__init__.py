"""The engine on a vLLM server, and the server that is started for it."""

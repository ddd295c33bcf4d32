"""The engine for any server that speaks OpenAI's chat protocol."""

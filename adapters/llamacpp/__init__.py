"""A llama.cpp server."""

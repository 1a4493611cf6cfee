"""Sans-io codecs: bytes and plain values in, bytes and plain values out; no socket, no clock, no randomness."""

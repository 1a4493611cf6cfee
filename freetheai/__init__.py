"""The gateway: codecs, limits, gates, upstream transport and the process around them."""

__version__ = "0.1.0"

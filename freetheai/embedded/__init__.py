"""Embedded services: MongoDB, Redis and a local model, real programs that run as our children on loopback.

``EmbeddedServices`` runs them for a server; ``open_services`` finds a server's or runs them for one command.
"""

from freetheai.embedded.child import Timing
from freetheai.embedded.services import EmbeddedServices, find_running, open_services
from freetheai.embedded.values import Addresses, EmbeddedError, Wanted

__all__ = ["Addresses", "EmbeddedError", "EmbeddedServices", "Timing", "Wanted", "find_running", "open_services"]

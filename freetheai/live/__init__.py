"""The live truth of the house, shared by all its processes: how providers and aliases do, what is out of service, and
who uses which client. Shown in health, in the catalog, in the metrics and by `freetheai stats`.

``figures`` are counts, ``outages`` what is out of service, ``members`` who was seen, ``truth`` puts them together, and
``sharing`` is the only part that knows of time and Redis.
"""

from freetheai.live.figures import Figures
from freetheai.live.sharing import Live
from freetheai.live.truth import STATUSES, Status, Truth

__all__ = ["STATUSES", "Figures", "Live", "Status", "Truth"]

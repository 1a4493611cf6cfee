"""`GET /v1/models/leaderboard`: which models are used most, for the site's pages."""

from typing import Final

from freetheai import errors
from freetheai.errors import ApiError
from freetheai.leaderboard import WINDOWS
from handlers.site_key import SiteKeyHandler

DEFAULT_WINDOW: Final = "24h"
DEFAULT_LIMIT: Final = 20
MAX_LIMIT: Final = 100


class LeaderboardHandler(SiteKeyHandler):
    """The site's key only."""

    route = "/v1/models/leaderboard"

    async def get(self) -> None:
        """Answer the board of `window`, at most `limit` rows."""
        await self.admit_site(errors.INVALID_STATS_KEY)
        window = self.get_query_argument("window", DEFAULT_WINDOW)
        if window not in WINDOWS:
            raise ApiError(errors.INVALID_REQUEST, f"window must be one of {', '.join(WINDOWS)}.")
        text = self.get_query_argument("limit", str(DEFAULT_LIMIT))
        # Not more digits than the bound has: int() of a very long text is no small matter.
        limit = int(text) if text.isascii() and text.isdigit() and len(text) <= len(str(MAX_LIMIT)) else 0
        if not 1 <= limit <= MAX_LIMIT:
            raise ApiError(errors.INVALID_REQUEST, f"limit must be a whole number from 1 to {MAX_LIMIT}.")
        self.send_json(await self.services.public.boards.get(window, limit))

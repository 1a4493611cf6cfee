"""The routes that the web pages read with the site's own key.

Rules:
- a banned address or client stays out, whatever the key;
- of several keys the first that is valid counts, as on members' routes;
- what begins as a member's key does is judged as one where members may ask, and its errors are a member's.
"""

import hmac

from freetheai import admission, errors
from freetheai.admission import Visitor
from freetheai.errors import ApiError, ErrorSpec
from freetheai.ids import KEY_PREFIX
from freetheai.store.directory import Owner
from handlers.base import MEMBERS_OWN, BaseHandler, presented_keys


class SiteKeyHandler(BaseHandler):
    """A route for the site's key."""

    async def admit_site(self, refusal: ErrorSpec) -> None:
        """Pass with the site's key; any other, or none, is ``refusal``."""
        keys = await self._enter()
        if self._place_of_site_key(keys) is None:
            raise ApiError(refusal)

    async def admit_site_or_member(self, refusal: ErrorSpec) -> Owner | None:
        """Pass with the site's key (None) or a member's (its owner); what is neither is ``refusal``."""
        keys = await self._enter()
        site_at = self._place_of_site_key(keys)
        members = [place for place, key in enumerate(keys) if key.startswith(KEY_PREFIX)]
        if site_at is not None and (not members or site_at < members[0]):
            return None
        if not members:
            raise ApiError(refusal)
        try:
            return await self.admit(admission.UNTIL_PAUSED)
        except ApiError as error:
            if site_at is not None and error.spec is errors.INVALID_API_KEY:
                return None
            raise

    async def _enter(self) -> tuple[str, ...]:
        self._headers.update(MEMBERS_OWN)
        visitor = Visitor(self.record.address, self.record.client, presented_keys(self.request))
        for gate in admission.GATES[:2]:
            pending = gate(visitor, self.services.house)
            if pending is not None:
                await pending
        return tuple(visitor.keys)

    def _place_of_site_key(self, keys: tuple[str, ...]) -> int | None:
        wanted = self.services.settings.server.site_key.reveal().encode()
        for place, key in enumerate(keys):
            if wanted and hmac.compare_digest(key.encode(errors="replace"), wanted):
                return place
        return None

"""`GET /v1/models/full`: the catalog with all that a page or a program needs to choose by, for members and the site."""

from freetheai import errors
from handlers.site_key import SiteKeyHandler


class FullModelsHandler(SiteKeyHandler):
    """A member sees what is open to them, the site what is open to everybody."""

    route = "/v1/models/full"

    async def get(self) -> None:
        """Answer the catalog."""
        owner = await self.admit_site_or_member(errors.INVALID_CATALOG_KEY)
        services = self.services
        truth = await services.public.live.fresh()
        self.send_json(services.public.full_models.get(services, truth, owner.roles if owner else frozenset()))

"""`GET /v1/models` and `GET /v1/models/{alias}`: one shape that OpenAI's and Anthropic's clients both read."""

from freetheai import admission, errors
from freetheai.errors import ApiError
from handlers.base import BaseHandler


class ModelsHandler(BaseHandler):
    """The list of aliases for normal clients; takes no lease, so clients may poll it."""

    route = "/v1/models"

    async def get(self) -> None:
        """Answer the list as it stands in the catalog now."""
        await self.admit(admission.UNTIL_PAUSED)
        self.send_json(self.services.catalog.listing())


class ModelHandler(BaseHandler):
    """One alias; slashes in it come raw or percent-encoded."""

    route = "/v1/models/{alias}"

    async def get(self, alias: str) -> None:
        """Answer the alias' row; an unknown one is a 400 naming where to look."""
        await self.admit(admission.UNTIL_PAUSED)
        model = self.services.catalog.find(alias)
        if model is None or not model.is_listed:
            raise ApiError(errors.UNKNOWN_ALIAS, "unknown aliased model. Use a model from GET /v1/models.")
        self.record.alias = model.id
        self.send_json(self.services.catalog.row(model))

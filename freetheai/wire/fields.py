"""Read a request's fields with their types checked: every complaint names the field and says what to do.

Rules: ``None`` and an absent field are the same; whole floats count as integers; booleans are no numbers.
"""

from typing import Any

from freetheai import errors
from freetheai.errors import ApiError
from freetheai.wire.jsontext import loads


def complaint(field: str, must: str) -> ApiError:
    """The 400 for a field of the wrong type or value: ``<field> must be <must>``."""
    return ApiError(errors.INVALID_REQUEST, f"{field} must be {must}")


def read_object(data: bytes) -> dict[str, Any]:
    """A request body.

    Raises:
        ApiError: INVALID_JSON: not UTF-8, not JSON, nested too deep, or no object.
    """
    try:
        body = loads(data.strip())
    except (ValueError, RecursionError) as error:
        raise ApiError(errors.INVALID_JSON, f"{errors.INVALID_JSON.text}: {_reason(error)}") from None
    if not isinstance(body, dict):
        raise ApiError(errors.INVALID_JSON, f"{errors.INVALID_JSON.text}: the body must be a JSON object")
    return body


def _reason(error: Exception) -> str:
    text = str(error)
    if "UTF-8" in text or isinstance(error, UnicodeError):
        return "the body is not UTF-8"
    return text[:120] or "nested too deep"


def read_model(body: dict[str, Any]) -> str:
    """The alias asked for: trimmed, without Claude Code's long-context switch ``[1m]``.

    Raises:
        ApiError: MISSING_MODEL, or INVALID_REQUEST if it is no string.
    """
    model = body.get("model")
    if model is None:
        raise ApiError(errors.MISSING_MODEL)
    if not isinstance(model, str):
        raise complaint("model", "a string: the alias of a model, as /v1/models lists it")
    model = model.strip()
    if model[-4:].lower() == "[1m]":
        model = model[:-4].rstrip()
    if not model:
        raise ApiError(errors.MISSING_MODEL)
    return model


def text(body: dict[str, Any], name: str) -> str:
    """A string field; "" where absent."""
    value = body.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise complaint(name, "a string")
    return value


def flag(body: dict[str, Any], name: str) -> bool | None:
    """A boolean field."""
    value = body.get(name)
    if value is None or isinstance(value, bool):
        return value
    raise complaint(name, "true or false")


def number(body: dict[str, Any], name: str) -> float | None:
    """A number field, integer or not, as it was sent."""
    value = body.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise complaint(name, "a number")
    return value


def integer(body: dict[str, Any], name: str, *, at_least: int | None = None) -> int | None:
    """An integer field."""
    value = body.get(name)
    if value is None:
        return None
    must = "an integer" if at_least is None else f"an integer of at least {at_least}"
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or (at_least is not None and value < at_least):
        raise complaint(name, must)
    return value


def max_tokens(body: dict[str, Any], *names: str) -> int | None:
    """The output cap from the first of ``names`` that is there; zero or less is a 400."""
    for name in names:
        if body.get(name) is not None:
            return integer(body, name, at_least=1)
    return None


def items(body: dict[str, Any], name: str) -> list[Any]:
    """An array field; empty where absent."""
    value = body.get(name)
    if value is None:
        return []
    if not isinstance(value, list):
        raise complaint(name, "an array")
    return value


def mapping(body: dict[str, Any], name: str) -> dict[str, Any]:
    """An object field; empty where absent."""
    value = body.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise complaint(name, "an object")
    return value


def stops(body: dict[str, Any], name: str) -> list[str]:
    """Stop strings: one, a list, or none; empty ones are left out."""
    value = body.get(name)
    if value is None:
        return []
    values = [value] if isinstance(value, str) else value
    if not isinstance(values, list) or not all(isinstance(item, str) for item in values):
        raise complaint(name, "a string or an array of strings")
    return [item for item in values if item]

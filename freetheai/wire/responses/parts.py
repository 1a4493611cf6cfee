"""Read the content parts of Responses messages and tool outputs.

Rules: texts without characters are left out; parts of Chat Completions are read too, since clients mix them; a part
nobody knows is a 400 that says where it stands.
"""

from typing import Any

from freetheai import errors
from freetheai.errors import ApiError
from freetheai.wire.request import AudioPart, FilePart, ImagePart, Part, RefusalPart, TextPart

_TEXTS = frozenset({"input_text", "output_text", "text", "summary_text", "reasoning_text"})
_IMAGES = frozenset({"input_image", "image_url", "computer_screenshot", "image"})


def unsupported(where: str) -> ApiError:
    """The 400 for input of a shape that can't be read."""
    return ApiError(errors.UNSUPPORTED_INPUT, f"{errors.UNSUPPORTED_INPUT.text}: {where}")


def read_parts(content: Any, where: str) -> list[Part]:
    """The parts of a message's content or a tool's output.

    Raises:
        ApiError: UNSUPPORTED_INPUT naming the part; INVALID_REQUEST for a file id.
    """
    if content is None or content == "":
        return []
    if isinstance(content, str):
        return [TextPart(content)]
    if not isinstance(content, list):
        raise unsupported(f"{where} is neither a string nor an array of parts")
    parts = (_part(item, f"{where}[{number}]") for number, item in enumerate(content))
    return [part for part in parts if part is not None]


def _part(item: Any, where: str) -> Part | None:
    if isinstance(item, str):
        return TextPart(item) if item else None
    if not isinstance(item, dict):
        raise unsupported(f"{where} is no object")
    kind = item.get("type")
    if not isinstance(kind, str | None):
        raise unsupported(f"{where}.type is no string")
    if kind in _TEXTS or (kind is None and isinstance(item.get("text"), str)):
        text = item.get("text")
        if not isinstance(text, str | None):
            raise unsupported(f"{where}.text is no string")
        return TextPart(text) if text else None
    if kind == "refusal":
        return RefusalPart(word(item.get("refusal")))
    if kind in _IMAGES:
        return _image(item, where)
    if kind in ("input_file", "file"):
        return _file(item.get("file", item), where)
    if kind == "input_audio":
        return _audio(item.get("input_audio", item), where)
    raise unsupported(f"{where} has the unknown type {str(kind)[:64]!r}")


def _image(item: dict[str, Any], where: str) -> ImagePart:
    image = item.get("image_url")
    detail = word(item.get("detail"))
    if isinstance(image, dict):
        detail = detail or word(image.get("detail"))
        image = image.get("url")
    if not isinstance(image, str) or not image:
        if item.get("file_id"):
            raise _no_file_ids(where, "image_url")
        raise unsupported(f"{where}.image_url is neither a URL nor a data URL")
    media_type, data = split_data_url(image)
    return ImagePart(media_type, data, "" if data else image, detail)


def _file(file: Any, where: str) -> FilePart:
    if not isinstance(file, dict):
        raise unsupported(f"{where}.file is no object")
    media_type, data = split_data_url(word(file.get("file_data")))
    data = data or word(file.get("file_data"))
    url = word(file.get("file_url"))
    if not data and not url:
        if file.get("file_id"):
            raise _no_file_ids(where, "file_data")
        raise unsupported(f"{where} has neither file_data nor file_url")
    return FilePart(media_type, data, url, word(file.get("filename")))


def _audio(audio: Any, where: str) -> AudioPart:
    if not isinstance(audio, dict) or not word(audio.get("data")):
        raise unsupported(f"{where}.input_audio has no data")
    return AudioPart(audio["data"], word(audio.get("format")) or "wav")


def _no_file_ids(where: str, member: str) -> ApiError:
    return ApiError(errors.INVALID_REQUEST, f"{where}: file ids are not supported; send the file as {member}")


def split_data_url(url: str) -> tuple[str, str]:
    """Media type and base64 data of a data URL; two empty strings for any other text."""
    if url[:5].lower() != "data:":
        return "", ""
    head, comma, data = url[5:].partition(",")
    if not comma or ";base64" not in head.lower():
        return "", ""
    return head.partition(";")[0].strip().lower() or "application/octet-stream", data


def word(value: Any) -> str:
    """A string, or "" for anything else."""
    return value if isinstance(value, str) else ""

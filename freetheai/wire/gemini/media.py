"""Write images, audio and documents as Gemini's parts: data inline, links as files.

Rules: Gemini wants a media type with everything; where the client names none it is read from the first bytes of the
data or the end of the link.
"""

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from freetheai.wire.request import AudioPart, FilePart, ImagePart, Part

_AUDIO_TYPES: Final[Mapping[str, str]] = {"mpeg": "audio/mp3", "mpga": "audio/mp3", "x-wav": "audio/wav"}
# The first characters of the data in base64.
_IMAGE_BEGINNINGS: Final = (
    ("iVBORw0KGgo", "image/png"),
    ("/9j/", "image/jpeg"),
    ("R0lGOD", "image/gif"),
    ("UklGR", "image/webp"),
)
_ENDINGS: Final[Mapping[str, str]] = {
    "png": "image/png",
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "gif": "image/gif",
    "webp": "image/webp",
    "heic": "image/heic",
    "heif": "image/heif",
    "avif": "image/avif",
    "pdf": "application/pdf",
    "txt": "text/plain",
    "md": "text/markdown",
    "csv": "text/csv",
    "html": "text/html",
    "mp3": "audio/mp3",
    "wav": "audio/wav",
    "mp4": "video/mp4",
    "webm": "video/webm",
    "mov": "video/quicktime",
}


def media_part(part: Part) -> dict[str, Any] | None:
    """The part for an image, audio or a document; None for any other."""
    match part:
        case ImagePart():
            return (
                _linked(part.url, part.media_type, "image/jpeg") if part.url else _inline(_image_type(part), part.data)
            )
        case AudioPart():
            return _inline(_AUDIO_TYPES.get(part.format, f"audio/{part.format}"), part.data)
        case FilePart(is_text=True):
            return {"text": (f"[{part.name}]\n" if part.name else "") + part.data}
        case FilePart():
            if part.url:
                return _linked(part.url, part.media_type, "application/pdf")
            return _inline(_file_type(part), part.data)
    return None


def _inline(media_type: str, data: str) -> dict[str, Any]:
    return {"inlineData": {"mimeType": media_type, "data": data}}


def _linked(url: str, media_type: str, otherwise: str) -> dict[str, Any]:
    return {"fileData": {"mimeType": media_type or _type_by_ending(_path(url)) or otherwise, "fileUri": url}}


def _path(url: str) -> str:
    try:
        return urlsplit(url).path
    except ValueError:
        return ""


def _image_type(part: ImagePart) -> str:
    if part.media_type.startswith("image/"):
        return part.media_type
    return next((kind for beginning, kind in _IMAGE_BEGINNINGS if part.data.startswith(beginning)), "image/jpeg")


def _file_type(part: FilePart) -> str:
    if part.media_type and part.media_type != "application/octet-stream":
        return part.media_type
    return _type_by_ending(part.name) or "application/pdf"


def _type_by_ending(name: str) -> str:
    return _ENDINGS.get(name.rpartition(".")[2].lower(), "")

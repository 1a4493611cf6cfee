"""Lines of an answer's head to status and headers. libcurl has checked their form already."""

from freetheai.upstream.values import ResponseHead


def status_of(status_line: bytes) -> int:
    """The status of ``HTTP/1.1 200 OK`` or ``HTTP/2 200``; 0 if there is none."""
    words = status_line.split(None, 2)
    return int(words[1]) if len(words) > 1 and words[1].isdigit() else 0


def parse_head(lines: list[bytes]) -> ResponseHead:
    """Status line and header lines, with their line breaks, to a head. Names become lower case."""
    headers: dict[str, str] = {}
    name = ""
    for line in lines[1:]:
        text = line.decode("latin-1")
        if text[0] in " \t" and name:  # a folded line: more of the value before
            headers[name] = f"{headers[name]} {text.strip()}"
            continue
        raw_name, _, value = text.partition(":")
        name = raw_name.strip().lower()
        value = value.strip()
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return ResponseHead(status_of(lines[0]), headers)

"""Op 8, "request guild members": the full list, a search by name, or up to a hundred people by id.

Rules: https://docs.discord.com/developers/events/gateway-events#request-guild-members
The full list needs the members intent, and is given once in 30 s a guild where that rule is switched on.
"""

from typing import TYPE_CHECKING, Any

from discord_server.intents import MEMBERS
from discord_server.world import Member

if TYPE_CHECKING:
    from discord_server.gateway import Gateway, Session

CHUNK_SIZE = 1000
MOST_IDS = 100
MOST_FOUND = 100


def answer_member_request(gateway: "Gateway", session: "Session", request: dict[str, Any]) -> None:
    """Send the chunks that answer ``request``, or RATE_LIMITED."""
    nonce = request.get("nonce")
    if not isinstance(nonce, str) or len(nonce.encode()) > 32:
        nonce = None
    if str(request.get("guild_id")) != gateway.world.guild_id:
        gateway.offence(4002, "members of another guild", str(request.get("guild_id")))
        return
    if "user_ids" in request:
        found, missing = _by_id(gateway, request["user_ids"])
        _send_chunks(gateway, session, found, missing, nonce)
        return
    query, limit = request.get("query"), request.get("limit")
    if not isinstance(query, str) or not isinstance(limit, int):
        gateway.offence(4002, "a member request needs user_ids, or query and limit")
        return
    if query == "" and limit == 0:
        _full_list(gateway, session, nonce)
        return
    found = [each for each in gateway.world.members.values() if _is_called(each, query)]
    _send_chunks(gateway, session, found[: min(limit or MOST_FOUND, MOST_FOUND)], None, nonce)


def _by_id(gateway: "Gateway", user_ids: Any) -> tuple[list[Member], list[str]]:
    ids = [str(each) for each in (user_ids if isinstance(user_ids, list) else [user_ids])]
    if len(ids) > MOST_IDS:
        gateway.offence(4002, f"{len(ids)} user_ids in a member request; {MOST_IDS} are answered")
    members = gateway.world.members
    asked = list(dict.fromkeys(ids[:MOST_IDS]))
    return [members[each] for each in asked if each in members], [each for each in asked if each not in members]


def _full_list(gateway: "Gateway", session: "Session", nonce: str | None) -> None:
    if not session.intents & MEMBERS:
        _send_chunks(gateway, session, [], None, nonce)
        return
    now_s = gateway.world.clock.now_s()
    asked_at_s = gateway.full_list_asked_at_s
    if asked_at_s is not None and now_s - asked_at_s < gateway.full_list_every_s:
        wait_s = gateway.full_list_every_s - (now_s - asked_at_s)
        meta = {"guild_id": gateway.world.guild_id} | ({"nonce": nonce} if nonce else {})
        session.dispatch("RATE_LIMITED", {"opcode": 8, "retry_after": round(wait_s, 3), "meta": meta})
        gateway.flush(session)
        return
    gateway.full_list_asked_at_s = now_s
    _send_chunks(gateway, session, list(gateway.world.members.values()), None, nonce)


def _send_chunks(
    gateway: "Gateway", session: "Session", found: list[Member], missing: list[str] | None, nonce: str | None
) -> None:
    pieces = [found[begin : begin + CHUNK_SIZE] for begin in range(0, len(found), CHUNK_SIZE)] or [[]]
    for index, piece in enumerate(pieces):
        chunk: dict[str, Any] = {
            "guild_id": gateway.world.guild_id, "members": [each.payload() for each in piece],
            "chunk_index": index, "chunk_count": len(pieces),
        }  # fmt: skip
        if missing:
            chunk["not_found"] = missing
        if nonce:
            chunk["nonce"] = nonce
        session.dispatch("GUILD_MEMBERS_CHUNK", chunk)
    gateway.flush(session)


def _is_called(member: Member, query: str) -> bool:
    names = (member.user.name, member.user.global_name or "", member.nick or "")
    return any(name.lower().startswith(query.lower()) for name in names)

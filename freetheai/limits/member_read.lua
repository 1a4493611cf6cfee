-- member_read.lua: what is known of one person of a Discord server, and whether events of that server are heard.
-- KEYS[1] record (hash: at = when it was so, us; member = 1 or 0; roles = JSON)
-- KEYS[2] flow (hash: since = from when on no event was missed, us; gone when events are not heard)
-- Reply: {} nothing is known; else {age, us; 1 member, else 0; roles; 1 every later event was heard, else 0}
local record = redis.call('HMGET', KEYS[1], 'at', 'member', 'roles')
if not record[1] then return {} end
local at = tonumber(record[1])
local since = redis.call('HGET', KEYS[2], 'since')
local has_followed = since and at >= tonumber(since)
return {now_us() - at, tonumber(record[2]), record[3], has_followed and 1 or 0}

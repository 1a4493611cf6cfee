-- note.lua: a short text that all processes share.
-- KEYS[1] the text    ARGV[1] what it is from now on, "" to leave it as it is
-- Reply: what it was before, "" for nothing
local before = redis.call('GET', KEYS[1]) or ''
if ARGV[1] ~= '' then redis.call('SET', KEYS[1], ARGV[1]) end
return before

-- member_flow.lua: say that events of the server are heard, and since when none was missed.
-- KEYS[1] flow (as in member_read.lua)
-- ARGV[1] which unbroken stretch of events it is    ARGV[2] how long it has lasted, us    ARGV[3] how long this is good, ms
-- Reply: 1. The beginning of a stretch is worked out once only, so that it does not drift.
local FLOW = KEYS[1]
if redis.call('HGET', FLOW, 'stretch') ~= ARGV[1] then
  redis.call('HSET', FLOW, 'stretch', ARGV[1], 'since', string.format('%.0f', now_us() - tonumber(ARGV[2])))
end
redis.call('PEXPIRE', FLOW, tonumber(ARGV[3]))
return 1

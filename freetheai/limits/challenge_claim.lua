-- challenge_claim.lua: a member asks for a challenge. May they have one now? If so the asking is noted.
-- KEYS[1] tries (hash: wrong = tries since the last right one, until = when the next may be, us)
-- KEYS[2] asked (zset: id -> when, us; the sliding log of one kind of asking)
-- KEYS[3] answered_in (list: how long the latest answers took, us, the newest first)
-- ARGV[1] askings in any    ARGV[2] window, us    ARGV[3] id of this asking
-- Reply: {us to wait (0: noted), wrong, answered_in...}
-- Asked twice with one id (the first reply was lost), it is noted once.
local TRIES, ASKED = KEYS[1], KEYS[2]
local limit, window, id = tonumber(ARGV[1]), tonumber(ARGV[2]), ARGV[3]
local now = now_us()

local function wait()
  local locked = tonumber(redis.call('HGET', TRIES, 'until') or '0') - now
  if locked > 0 then return locked end
  redis.call('ZREMRANGEBYSCORE', ASKED, '-inf', now - window)
  local over = redis.call('ZCARD', ASKED) - limit
  if over < 0 or redis.call('ZSCORE', ASKED, id) then return 0 end
  local leaving = redis.call('ZRANGE', ASKED, over, over, 'WITHSCORES')[2]
  return tonumber(leaving) + window - now
end

local wait_us = wait()
if wait_us == 0 then
  redis.call('ZADD', ASKED, now, id)
  redis.call('PEXPIRE', ASKED, math.ceil(window / 1000))
end
local reply = {wait_us, tonumber(redis.call('HGET', TRIES, 'wrong') or '0')}
for _, took in ipairs(redis.call('LRANGE', KEYS[3], 0, -1)) do reply[#reply + 1] = tonumber(took) end
return reply

-- failed_keys.lua: some keys that came from one address were wrong. There is room for them in the window, or there is not.
-- KEYS[1] zset: failure id -> when, us. The sliding log of one address.
-- ARGV[1] failures in any    ARGV[2] window, us    ARGV[3] how many now    ARGV[4] failure id
-- Reply: 0 noted; else us until there is room for them, and nothing is noted
-- Asked twice with one id (the first reply was lost), it notes them once.
local LOG = KEYS[1]
local limit, window, id = tonumber(ARGV[1]), tonumber(ARGV[2]), ARGV[4]
local count = math.min(tonumber(ARGV[3]), limit)
local now = now_us()
redis.call('ZREMRANGEBYSCORE', LOG, '-inf', now - window)
if redis.call('ZSCORE', LOG, id .. ':1') then return 0 end
local too_many = redis.call('ZCARD', LOG) + count - limit
if too_many > 0 then
  local leaving = redis.call('ZRANGE', LOG, too_many - 1, too_many - 1, 'WITHSCORES')[2]
  return tonumber(leaving) + window - now
end
for i = 1, count do redis.call('ZADD', LOG, now, id .. ':' .. i) end
redis.call('PEXPIRE', LOG, math.ceil(window / 1000))
return 0

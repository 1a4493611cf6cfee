-- standing.lua: where an account stands; takes nothing.
-- KEYS as in account.lua
-- ARGV[1] requests in any    ARGV[2] window, us
-- Reply: numbers() of account.lua, reason 0
local now = now_us()
local minute_limit, window = tonumber(ARGV[1]), tonumber(ARGV[2])
end_expired(now)
redis.call('ZREMRANGEBYSCORE', MINUTE, '-inf', now - window)
return numbers(0, now, minute_limit, window)

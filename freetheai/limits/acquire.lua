-- acquire.lua: take a slot of the minute, of the day and of concurrency for one request, or none of them.
-- KEYS as in account.lua
-- ARGV[1] lease id          ARGV[2] source, see ADDRESSES ARGV[3] lease, us
-- ARGV[4] requests in any   ARGV[5] window, us           ARGV[6] parallel requests
-- ARGV[7] successes a day   ARGV[8] addresses at once
-- Reply: numbers() of account.lua; reason 0 granted, 1 concurrency, 2 overlap, 3 minute, 4 day: the first that binds.
-- Asked twice with one lease id (the first reply was lost), or after abandon.lua, it takes nothing.
local lease, address = ARGV[1], ARGV[2]
local lease_us, minute_limit, window = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local concurrency, day_limit, max_addresses = tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8])
local now = now_us()
local day = day_of(now)
end_expired(now)
redis.call('ZREMRANGEBYSCORE', MINUTE, '-inf', now - window)

local function refusal()
  if redis.call('ZCARD', LEASES) >= concurrency then return 1 end
  local is_new_address = redis.call('HEXISTS', ADDRESSES, address) == 0
  if is_new_address and redis.call('HLEN', ADDRESSES) >= max_addresses then return 2 end
  if redis.call('ZCARD', MINUTE) >= minute_limit then return 3 end
  if tonumber(redis.call('HGET', DAYS, day) or '0') >= day_limit then return 4 end
  return 0
end

-- Counters and tickets from before yesterday: nothing that could still be settled.
local function forget_old_days()
  local oldest = tonumber(day) - 1
  for _, name in ipairs(redis.call('HKEYS', DAYS)) do
    if tonumber(name) < oldest then redis.call('HDEL', DAYS, name) end
  end
  local tickets = redis.call('HGETALL', TICKETS)
  for i = 1, #tickets, 2 do
    local is_old = tonumber(string.match(tickets[i + 1], '^%d+')) < oldest
    if is_old and not redis.call('ZSCORE', LEASES, tickets[i]) then redis.call('HDEL', TICKETS, tickets[i]) end
  end
end

local function take()
  redis.call('ZADD', MINUTE, now, lease)
  redis.call('ZADD', LEASES, now + lease_us, lease)
  redis.call('HSET', TICKETS, lease, day .. ' ' .. address)
  redis.call('HINCRBY', ADDRESSES, address, 1)
  if redis.call('HINCRBY', DAYS, day, 1) == 1 then forget_old_days() end
  redis.call('PEXPIRE', MINUTE, math.ceil(window / 1000))
  for i = 2, 5 do redis.call('PEXPIRE', KEYS[i], KEEP_MS) end
end

local reason = 0
if redis.call('HEXISTS', TICKETS, lease) == 0 and redis.call('SISMEMBER', ABANDONED, lease) == 0 then
  reason = refusal()
  if reason == 0 then take() end
end
return numbers(reason, now, minute_limit, window)

-- settle.lua: end one request. Its parallel slot is free; its day reservation is kept or given back.
-- KEYS as in account.lua
-- ARGV[1] lease id    ARGV[2] 1 if it was a success, else 0    ARGV[3] successes a day
-- ARGV[4] 1 if the success may still turn out to be none: its day is remembered for refund.lua
-- Reply: 1 the success counts, 0 it does not (failed; settled before; expired, and the day is full by now)
local now = now_us()
end_expired(now)
local lease, is_success, day_limit = ARGV[1], ARGV[2] == '1', tonumber(ARGV[3])

local function keep(day)
  if ARGV[4] == '1' then
    redis.call('HSET', TICKETS, 'kept:' .. lease, day)
    redis.call('PEXPIRE', TICKETS, KEEP_MS)
  end
  return 1
end

local ticket = redis.call('HGET', TICKETS, lease)
if not ticket then return 0 end
redis.call('HDEL', TICKETS, lease)

if redis.call('ZSCORE', LEASES, lease) then
  local day = stop(lease, ticket)
  if is_success then return keep(day) end
  count_down(DAYS, day)
  return 0
end

-- Expired: the reservation went back then, so the success needs a free one now. The cap is never exceeded for it.
local day = string.match(ticket, '^%d+')
if not is_success or tonumber(redis.call('HGET', DAYS, day) or '0') >= day_limit then return 0 end
redis.call('HINCRBY', DAYS, day, 1)
redis.call('PEXPIRE', DAYS, KEEP_MS)
return keep(day)

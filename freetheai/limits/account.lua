-- account.lua: one account's state and what every step does with it; stands, after clock.lua, in front of each script.
--
-- KEYS[1] minute     zset: lease id -> admitted at, us. The sliding log.
-- KEYS[2] leases     zset: lease id -> expiry, us. The running requests.
-- KEYS[3] tickets    hash: lease id -> "DAY ADDRESS" while it runs, "DAY" once it has expired, nothing once settled;
--                    "kept:" and lease id -> "DAY" of a success that may be given back (a deferred job's)
-- KEYS[4] addresses  hash: source address (of IPv6 its /64) -> requests running from there
-- KEYS[5] days       hash: UTC day number -> successes kept and reserved
-- KEYS[6] abandoned  set: lease ids that must not be granted any more
--
-- Rules: every step first ends the leases that have expired, so their slots and reservations are free whoever asks next;
-- whatever is given back goes to the day it was taken from; no counter stays at zero, no key stays for ever.
local MINUTE, LEASES, TICKETS, ADDRESSES, DAYS, ABANDONED = unpack(KEYS)
local DAY_US = 86400000000
local KEEP_MS = 2 * 86400000  -- an idle account is forgotten after two days: no request is that old

local function day_of(now)
  return string.format('%d', math.floor(now / DAY_US))
end

local function count_down(counters, name)
  if redis.call('HINCRBY', counters, name, -1) <= 0 then redis.call('HDEL', counters, name) end
end

-- Takes a lease off the running ones. Returns the day (text) whose counter holds its reservation.
local function stop(lease, ticket)
  local day, address = string.match(ticket, '^(%d+) (.*)$')
  redis.call('ZREM', LEASES, lease)
  count_down(ADDRESSES, address)
  return day
end

-- The ticket of an expired lease is kept without its address: a request that outlived its lease (Redis or we stood still)
-- may still report its success, once.
local function end_expired(now)
  for _, lease in ipairs(redis.call('ZRANGEBYSCORE', LEASES, '-inf', now)) do
    local ticket = redis.call('HGET', TICKETS, lease)
    if ticket then
      local day = stop(lease, ticket)
      count_down(DAYS, day)
      redis.call('HSET', TICKETS, lease, day)
    else
      redis.call('ZREM', LEASES, lease)  -- Redis evicted the tickets: nothing is known of it
    end
  end
end

-- The reply of acquire and standing, after the step: {reason, minute used, us until the log has room for one more than
-- now (0: it is empty), running, us until the first lease expires (0: none runs), day used, us to 00:00 UTC}
local function numbers(reason, now, minute_limit, window)
  local used = redis.call('ZCARD', MINUTE)
  local first_to_leave = math.max(0, used - minute_limit)  -- beyond the limit after a policy was lowered
  local leaving = redis.call('ZRANGE', MINUTE, first_to_leave, first_to_leave, 'WITHSCORES')[2]
  local expiring = redis.call('ZRANGE', LEASES, 0, 0, 'WITHSCORES')[2]
  return {
    reason,
    used,
    leaving and tonumber(leaving) + window - now or 0,
    redis.call('ZCARD', LEASES),
    expiring and tonumber(expiring) - now or 0,
    tonumber(redis.call('HGET', DAYS, day_of(now)) or '0'),
    DAY_US - now % DAY_US,
  }
end

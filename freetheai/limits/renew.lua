-- renew.lua: a request still runs; its lease begins anew.
-- KEYS as in account.lua
-- ARGV[1] lease id    ARGV[2] lease, us
-- Reply: 1 renewed, 0 the lease had expired (its slot may be another's by now) or was settled
local now = now_us()
end_expired(now)
if not redis.call('ZSCORE', LEASES, ARGV[1]) then return 0 end
redis.call('ZADD', LEASES, now + tonumber(ARGV[2]), ARGV[1])
return 1

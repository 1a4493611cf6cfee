-- abandon.lua: nobody waits for this acquire any more (the caller left, or the reply was late). What it took is given
-- back; and if it is still on its way (a Redis that stood still reads old sockets in any order), it will take nothing.
-- KEYS as in account.lua
-- ARGV[1] lease id
-- Reply: 1 something was given back, else 0
local now = now_us()
end_expired(now)
local lease = ARGV[1]
redis.call('SADD', ABANDONED, lease)
redis.call('PEXPIRE', ABANDONED, 600000)
local ticket = redis.call('HGET', TICKETS, lease)
if not ticket then return 0 end
redis.call('HDEL', TICKETS, lease)
if not redis.call('ZSCORE', LEASES, lease) then return 0 end
count_down(DAYS, stop(lease, ticket))
return 1

-- refund.lua: what had been settled as a success turned out to be none: the day gets it back.
-- KEYS as in account.lua
-- ARGV[1] lease id, settled with a receipt
-- Reply: 1 given back, 0 there is nothing to give back (done before, or the day is long over)
local receipt = 'kept:' .. ARGV[1]
local day = redis.call('HGET', TICKETS, receipt)
if not day then return 0 end
redis.call('HDEL', TICKETS, receipt)
if redis.call('HEXISTS', DAYS, day) == 1 then count_down(DAYS, day) end
return 1

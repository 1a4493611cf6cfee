-- member_write.lua: keep what Discord said of one person, unless something newer is kept already.
-- KEYS[1] record (as in member_read.lua)
-- ARGV[1] how long ago it was so, us    ARGV[2] 1 member, 0 not    ARGV[3] roles, JSON
-- ARGV[4] how long it is kept, ms    ARGV[5] how much newer what is kept must be to stay, us
-- Reply: 1 it says something else than before (or there was nothing), 0 the same, -1 something newer was kept
local RECORD = KEYS[1]
local at = now_us() - tonumber(ARGV[1])
local before = redis.call('HMGET', RECORD, 'at', 'member', 'roles')
if before[1] then
  if tonumber(before[1]) > at + tonumber(ARGV[5]) then return -1 end
  at = math.max(at, tonumber(before[1]))
end
redis.call('HSET', RECORD, 'at', string.format('%.0f', at), 'member', ARGV[2], 'roles', ARGV[3])
redis.call('PEXPIRE', RECORD, tonumber(ARGV[4]))
return (before[2] == ARGV[2] and before[3] == ARGV[3]) and 0 or 1

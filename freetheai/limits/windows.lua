-- windows.lua: which quota windows are used up; before that, if one is named, note that it is.
-- KEYS[1] zset: window -> when it is full again, us
-- ARGV[1] window, "" for none    ARGV[2] how long from now until it is full again, us; 0: it is full now
-- Reply: {window, us left, window, us left, ...}
-- Of two notes of one window the later end counts; what is over is forgotten.
local WINDOWS = KEYS[1]
local now = now_us()
redis.call('ZREMRANGEBYSCORE', WINDOWS, '-inf', now)
if ARGV[1] ~= '' and tonumber(ARGV[2]) == 0 then
  redis.call('ZREM', WINDOWS, ARGV[1])
elseif ARGV[1] ~= '' then
  local till = now + tonumber(ARGV[2])
  local known = tonumber(redis.call('ZSCORE', WINDOWS, ARGV[1]) or '0')
  redis.call('ZADD', WINDOWS, math.max(till, known), ARGV[1])
end
local reply = {}
local all = redis.call('ZRANGE', WINDOWS, 0, -1, 'WITHSCORES')
for i = 1, #all, 2 do
  reply[i] = all[i]
  reply[i + 1] = math.floor(tonumber(all[i + 1]) - now)
end
if #all > 0 then redis.call('PEXPIRE', WINDOWS, math.ceil((tonumber(all[#all]) - now) / 1000)) end
return reply

-- clock.lua: the only place where a script asks for the time. Microseconds since the epoch, on Redis' clock: exact in a
-- Lua number until the year 2255.
local function now_us()
  local time = redis.call('TIME')
  return tonumber(time[1]) * 1000000 + tonumber(time[2])
end

-- live_states.lua: what is out of service in each process; before that, if one is named, what is so in it.
-- KEYS[1] hash: process -> when it last said so (us), a space, what it said
-- ARGV[1] process, "" for none    ARGV[2] what it says, "" to leave    ARGV[3] silence after which it counts as gone, us
-- Reply: {now (us), process, us since it said so, what it said, ...}
local STATES = KEYS[1]
local now = now_us()
if ARGV[1] ~= '' then
  if ARGV[2] == '' then
    redis.call('HDEL', STATES, ARGV[1])
  else
    redis.call('HSET', STATES, ARGV[1], string.format('%.0f ', now) .. ARGV[2])
  end
end
local gone = tonumber(ARGV[3])
local reply = {string.format('%.0f', now)}
local all = redis.call('HGETALL', STATES)
for i = 1, #all, 2 do
  local at, said = string.match(all[i + 1], '^(%d+) (.*)$')
  local age = at and now - tonumber(at) or gone + 1
  if age > gone then
    redis.call('HDEL', STATES, all[i])
  else
    reply[#reply + 1] = all[i]
    reply[#reply + 1] = string.format('%.0f', age)
    reply[#reply + 1] = said
  end
end
redis.call('PEXPIRE', STATES, math.ceil(gone / 1000))
return reply

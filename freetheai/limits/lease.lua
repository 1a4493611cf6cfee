-- lease.lua: one of several processes does what only one may do. Take or keep the lease, or give it back.
-- KEYS[1] lease (hash: owner, state; gone when it has run out)
-- ARGV[1] who asks    ARGV[2] how long, ms; 0 gives it back    ARGV[3] state: what the owner says of itself
-- Reply: {1 the asker holds it, else 0; the owner's state ("": nobody holds it)}
local LEASE, asker, life_ms = KEYS[1], ARGV[1], tonumber(ARGV[2])
local owner = redis.call('HGET', LEASE, 'owner')
if owner and owner ~= asker then return {0, redis.call('HGET', LEASE, 'state') or ''} end
if life_ms == 0 then
  redis.call('DEL', LEASE)
  return {0, ''}
end
redis.call('HSET', LEASE, 'owner', asker, 'state', ARGV[3])
redis.call('PEXPIRE', LEASE, life_ms)
return {1, ARGV[3]}

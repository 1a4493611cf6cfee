-- challenge_take.lua: an answer has come. The challenge is read and gone in one step: no answer is looked at twice.
-- It counts as a wrong try from here on, until challenge_solved.lua says that it was right: so however many forms are sent at
-- once, no more are looked at than tries are left.
-- KEYS[1] challenge, as in challenge_keep.lua    KEYS[2] tries    KEYS[3] answered_in, both as in challenge_claim.lua
-- ARGV[1] how long wrong tries are remembered, ms    ARGV[2] how long answered_in is, ms    ARGV[3] how many of them
-- ARGV[4...] us to wait after the first, second ... wrong try; the last holds for all further
-- Reply: {what was kept ("": nothing), us to wait: before the next try if this one is wrong, or with "" now}
local CHALLENGE, TRIES, ANSWERED_IN = KEYS[1], KEYS[2], KEYS[3]
local now = now_us()
local found = redis.call('GET', CHALLENGE)
redis.call('DEL', CHALLENGE)
local locked = tonumber(redis.call('HGET', TRIES, 'until') or '0') - now
if locked > 0 then return {'', locked} end
if not found then return {'', 0} end

local kept_at, kept = string.match(found, '^(%d+) (.*)$')
redis.call('LPUSH', ANSWERED_IN, string.format('%d', now - tonumber(kept_at)))
redis.call('LTRIM', ANSWERED_IN, 0, tonumber(ARGV[3]) - 1)
redis.call('PEXPIRE', ANSWERED_IN, ARGV[2])

local wrong = redis.call('HINCRBY', TRIES, 'wrong', 1)
local wait = tonumber(ARGV[math.min(3 + wrong, #ARGV)])
if wait > 0 then redis.call('HSET', TRIES, 'until', string.format('%d', now + wait)) end
redis.call('PEXPIRE', TRIES, math.max(tonumber(ARGV[1]), math.ceil(wait / 1000)))
return {kept, wait}

-- challenge_solved.lua: the answer was right. Wrong tries before it are forgotten.
-- KEYS[1] tries, as in challenge_claim.lua
-- Reply: 1
redis.call('DEL', KEYS[1])
return 1

-- challenge_keep.lua: keep a challenge for as long as it may be answered; or, with nothing to keep, read it.
-- KEYS[1] challenge (string: when it was kept, us, a space, and what was given)
-- ARGV[1] what to keep, "" to read    ARGV[2] how long, ms
-- Reply: what is kept, "" when there is nothing (any more)
if ARGV[1] ~= '' then
  redis.call('SET', KEYS[1], string.format('%d', now_us()) .. ' ' .. ARGV[1], 'PX', ARGV[2])
  return ARGV[1]
end
return string.match(redis.call('GET', KEYS[1]) or '', '^%d+ (.*)$') or ''

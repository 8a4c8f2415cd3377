-- A session with a server was opened: store it where none is, or in place of the one that had been tried in vain.
--
-- Key: the party's session. Arguments: the id that was tried ('' for none); the new session; its life in ms. A session
-- is its id, a space, and the rest.
--
-- The answer is what is stored now: another process may have opened one meanwhile, and that one stays.

local there = redis.call('GET', KEYS[1])
if there and (ARGV[1] == '' or there:match('^%S+') ~= ARGV[1]) then return there end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return ARGV[2]

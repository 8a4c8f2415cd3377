-- Forget a session with a server, if it is still this one and nobody has used it of late.
--
-- Key: the party's session. Arguments: its id; how many ms of life it may have left at most.
--
-- The answer: 1 it is forgotten, 0 it stays, or was not there.

local there = redis.call('GET', KEYS[1])
if not there or there:match('^%S+') ~= ARGV[1] then return 0 end
if redis.call('PTTL', KEYS[1]) > tonumber(ARGV[2]) then return 0 end
return redis.call('DEL', KEYS[1])

-- Write one field of a session that is there: what has ended or expired is never revived.
--
-- Key: the session. Arguments: the field; its value; how many fields the session may have.
--
-- The answer: 1 written, 0 there is no such session, 2 it has too many fields for one more.

local WRITTEN, GONE, FULL = 1, 0, 2

local fields = redis.call('HLEN', KEYS[1])
if fields == 0 then return GONE end
if fields >= tonumber(ARGV[3]) and redis.call('HEXISTS', KEYS[1], ARGV[1]) == 0 then return FULL end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
return WRITTEN

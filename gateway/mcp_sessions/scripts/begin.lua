-- A session begins: its state is written together with the end of its life, so that none is ever kept for good.
--
-- Key: the session. Arguments: its state; its idle life in ms.

redis.call('HSET', KEYS[1], 'state', ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[2])

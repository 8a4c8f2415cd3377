-- The change did not happen: take my own closing back, and nobody else's.
--
-- Key: the entry. Argument: the closing as an entry, with the nonce it was planted with.

if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end

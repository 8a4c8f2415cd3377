-- This token or workspace opens nothing: for the length of a transaction (closing), or for good (dead).
--
-- Key: the entry. Arguments: the denial as an entry; its life in ms.
--
-- Whatever is there is overwritten, a lease too, so that no load that began before can publish; but closing never
-- replaces dead, or taking the closing back would revive what is dead.

if (redis.call('GET', KEYS[1]) or ''):sub(9, 9) ~= 'D' or ARGV[1]:sub(9, 9) == 'D' then
  redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
end

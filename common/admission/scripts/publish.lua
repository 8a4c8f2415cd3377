-- I have loaded these entries: write each over my own lease, and over nothing else.
--
-- Keys: the token's entry, the workspace's entry.
-- Arguments: the lease as an entry of the current epoch; the life of what is written, in ms; what the token's entry
-- becomes; what the workspace's becomes ('' takes the lease away: there is nothing to permit); '1' where the token was
-- mine to load; '1' where the workspace was.
--
-- A lease that is gone, or another's, or of an earlier epoch, or denied meanwhile, is not written over: what was read
-- from the database may be older than the change that took the lease away.
-- The answer is 1 when all that was mine has been written, else 0.

local function write(key, entry)
  if redis.call('GET', key) ~= ARGV[1] then return 0 end
  if entry == '' then
    redis.call('DEL', key)
  else
    redis.call('SET', key, entry, 'PX', ARGV[2])
  end
  return 1
end

local token = ARGV[5] ~= '1' and 1 or write(KEYS[1], ARGV[3])
local workspace = ARGV[6] ~= '1' and 1 or write(KEYS[2], ARGV[4])
return token * workspace

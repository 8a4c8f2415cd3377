-- I shall load these entries: plant my lease on each one that is not usable.
--
-- Keys: the token's entry, the workspace's entry.
-- Arguments: the epoch; the lease as an entry (epoch, 'L', nonce); its life in ms; '1' where the token is asked for;
-- '1' where the workspace is.
--
-- A denial is left alone: neither a load nor a lease undoes it. So is a usable entry, and another's lease.
-- The answer, for token and workspace: 0 nothing to load, 1 it is mine to load, 2 somebody else is loading it.

local NOTHING, MINE, ANOTHERS = 0, 1, 2

local function plant(key)
  local entry = redis.call('GET', key) or ''
  local state = entry:sub(9, 9)
  if state == 'D' or state == 'C' then return NOTHING end
  if entry:sub(1, 8) == ARGV[1] and entry ~= ARGV[2] then return state == 'L' and ANOTHERS or NOTHING end
  redis.call('SET', key, ARGV[2], 'PX', ARGV[3])
  return MINE
end

return { ARGV[4] == '1' and plant(KEYS[1]) or NOTHING, ARGV[5] == '1' and plant(KEYS[2]) or NOTHING }

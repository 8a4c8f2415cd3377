-- These calls have ended: put their records on the stream and take their notes away, in one step.
--
-- Keys: the notes of the gateway process, the shard's stream of calls.
-- Arguments, three for each call: its id; '1' to record it only if it is noted (nobody knows whether it began); its
-- record.
--
-- The answer is how many records were written. Sent twice, an ending is two entries of one id on the stream: whoever
-- reads the stream counts ids.

local written = 0
for at = 1, #ARGV, 3 do
  local noted = redis.call('HDEL', KEYS[1], ARGV[at]) == 1
  if noted or ARGV[at + 1] ~= '1' then
    redis.call('XADD', KEYS[2], '*', 'id', ARGV[at], 'record', ARGV[at + 2])
    written = written + 1
  end
end
return written

-- May this request pass? One question, judged and noted in one step.
--
-- Keys: the token's entry, the workspace's entry, the token's ring, the notes of the gateway process that asks; and,
-- only where the request names one, its MCP session.
-- Arguments: the rules (epoch, window in µs, places in a ring, cost, 1 for what counts as a call; packed), the call's
-- id, and the note up to the token's reference; with a session, its idle life in ms. Quota and freezing apply only to
-- what counts as a call.
--
-- The order: token dead, closing, to be loaded; workspace closing, to be loaded; token expired; workspace gone; no such
-- session; this id is noted already; quota; window; write the note; frozen; ok. All checks precede all writes: a
-- refused request takes no place. An id that is noted already has its place, and only freezing and a session that has
-- ended still refuse it. A question of cost 0 meets neither quota nor window, and is not noted.
--
-- A session that is found lives on from here, also when the request is then refused: its client is there. That is no
-- place taken; and since it costs as much as finding the session, it is done when a minute of its life is over.
--
-- Only permission is bound to an epoch: an entry of another epoch is a miss, but a denial holds in every epoch.
--
-- The ring: head (places taken since it began), skew, last, size, 8 bytes each, then `size` times of 8 bytes, in µs.
-- Its time never runs backwards: where the clock steps back, skew makes up for it, also when the request is refused.
-- A request fits when the place taken `limit - cost + 1` places ago is a window old, or was never taken. A ring of
-- another size is written anew with its newest times when a place is taken: what it drops, or had overwritten, is out
-- of the window, since no limit exceeds the ring that it is applied to.
-- A ring lives for a window and 60 to 90 seconds after its last place was taken: the expiry is set when 30 seconds
-- have begun, not at each request, since it costs as much as the check itself.
--
-- The answer, packed: verdict, what to load (1 token, 2 workspace), snapshot version, limit, remaining places (-1: not
-- counted), µs until it would fit, µs now, the token's expiry in µs (0: never); then the token's reference. Verdicts are
-- numbered as in records.py. Once a session is found the answer is a pair: that, and the session's state.

local OK, AGAIN, LOAD, DEAD, CLOSING, EXPIRED, GONE, FROZEN, LIMITED, QUOTA, TOO_LARGE = 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10
local NO_SESSION = 11
local epoch, window, places, cost, class = struct.unpack('<c8i8i4i4B', ARGV[1])
local entries = redis.call('MGET', KEYS[1], KEYS[2])
local token, workspace = entries[1] or '', entries[2] or ''
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local version, limit, expires, ref, session = 0, 0, 0, '', nil

local function answer(verdict, loads, remaining, wait)
  local packed = struct.pack('<BBi8i4i4i8i8i8', verdict, loads, version, limit, remaining, wait, now, expires) .. ref
  return session and { packed, session } or packed
end

local token_state, workspace_state = token:sub(9, 9), workspace:sub(9, 9)
if token_state == 'D' then return answer(DEAD, 0, -1, 0) end
if token_state == 'C' then return answer(CLOSING, 0, -1, 0) end
local loads = 0
if token_state ~= 'A' or token:sub(1, 8) ~= epoch then loads = 1 end
if workspace_state == 'C' then
  if loads == 0 then return answer(CLOSING, 0, -1, 0) end
elseif workspace_state == '' or workspace_state == 'L' or workspace:sub(1, 8) ~= epoch then
  loads = loads + 2
end
if loads > 0 then return answer(LOAD, loads, -1, 0) end

local own_limit, _, rest
own_limit, expires, _, rest = struct.unpack('<i4i8i8', token, 10)
if expires > 0 and now >= expires then return answer(EXPIRED, 0, -1, 0) end
if workspace_state == 'G' then return answer(GONE, 0, -1, 0) end
local quota_until
version, limit, quota_until = struct.unpack('<i8i4i8', workspace, 10)
ref = token:sub(rest)
if own_limit > 0 then limit = math.min(limit, own_limit) end
limit = math.min(limit, places)

if KEYS[5] then
  session = redis.call('HGET', KEYS[5], 'state')
  if not session then return answer(NO_SESSION, 0, -1, 0) end
  if redis.call('PTTL', KEYS[5]) < ARGV[4] - 60000 then redis.call('PEXPIRE', KEYS[5], ARGV[4]) end
end
local is_call = class == 1
local frozen = is_call and workspace_state == 'F'
if cost == 0 then return answer(frozen and FROZEN or OK, 0, -1, 0) end
if redis.call('HEXISTS', KEYS[4], ARGV[2]) == 1 then return answer(frozen and FROZEN or AGAIN, 0, -1, 0) end
if is_call and quota_until > now then return answer(QUOTA, 0, -1, quota_until - now) end
if cost > limit then return answer(TOO_LARGE, 0, -1, 0) end

local ring = KEYS[3]
local head, skew, last, size = 0, 0, 0, places
local header = redis.call('GETRANGE', ring, 0, 31)
if header ~= '' then head, skew, last, size = struct.unpack('<i8i8i8i8', header) end
now = now + skew
local stepped_back = now < last
if stepped_back then
  skew = skew + last - now
  now = last
end
local kept = math.min(head, size)

local function taken(places_ago)
  local at = 32 + 8 * ((head - places_ago) % size)
  return (struct.unpack('<i8', redis.call('GETRANGE', ring, at, at + 7)))
end
local function fits(count)
  return kept <= limit - count or now - taken(limit - count + 1) >= window
end

if not fits(cost) then
  if stepped_back then redis.call('SETRANGE', ring, 0, struct.pack('<i8i8i8i8', head, skew, last, size)) end
  local remaining = cost - 1
  while remaining > 0 and not fits(remaining) do remaining = remaining - 1 end
  return answer(LIMITED, 0, remaining, taken(limit - cost + 1) + window - now)
end

if size ~= places then
  local old, times = redis.call('GET', ring), {}
  kept = math.min(kept, places)
  for ago = kept, 1, -1 do
    local at = 33 + 8 * ((head - ago) % size)
    times[#times + 1] = old:sub(at, at + 7)
  end
  redis.call('SET', ring, old:sub(1, 32) .. table.concat(times), 'KEEPTTL')
  head, size = kept, places
end
local first, stamp = head % size, struct.pack('<i8', now)
local straight = math.min(cost, size - first)
redis.call('SETRANGE', ring, 32 + 8 * first, stamp:rep(straight))
if cost > straight then redis.call('SETRANGE', ring, 32, stamp:rep(cost - straight)) end
redis.call('SETRANGE', ring, 0, struct.pack('<i8i8i8i8', head + cost, skew, now, size))
if math.floor(now / 30000000) ~= math.floor(last / 30000000) then
  redis.call('PEXPIRE', ring, math.ceil(window / 1000) + 90000)
end
redis.call('HSET', KEYS[4], ARGV[2], ARGV[3] .. ref)
return answer(frozen and FROZEN or OK, 0, -1, 0)

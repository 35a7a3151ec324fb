-- What one process may do with one connector next, and what it did since it last asked.
-- One call is atomic: between all processes nothing is given twice. Time is this server's; all that is told is durations.
--
-- KEYS  1 state  2 grants: call counts by the instant they end  3 sharers  4 instants of failures
-- ARGV  1 the question, as engine/limits/desk.py writes it; all times are microseconds

local LEASE = 250000      -- how long tokens that were given may be used
local ALIVE = 10000000    -- how long slots and the probe stay with a process that is not heard of
local BACK = 2000000      -- a clock that is further back than this was set back
local SECOND = 1000000

local ask = cjson.decode(ARGV[1])
local now = ask.now
if not now then
  local time = redis.call('TIME')
  now = time[1] * SECOND + time[2]
end

local function whole(number) return string.format('%.0f', number) end
local function pairs_of(flat)
  local found = {}
  for i = 1, #flat, 2 do found[flat[i]] = flat[i + 1] end
  return found
end

local state = pairs_of(redis.call('HGETALL', KEYS[1]))
local function at(name) return tonumber(state[name] or '0') end
local function put(name, value)
  if type(value) == 'number' then value = whole(value) end
  state[name] = value
  redis.call('HSET', KEYS[1], name, value)
end
local function drop(...)
  for _, name in ipairs({...}) do state[name] = nil end
  redis.call('HDEL', KEYS[1], ...)
end

-- Sharers: owner -> {slots held, slots needed, wants tokens, until when it is believed}
local sharers = {}
for owner, text in pairs(pairs_of(redis.call('HGETALL', KEYS[3]))) do
  local held, need, wants, till = string.match(text, '^(%d+) (%d+) (%d) (%d+)$')
  sharers[owner] = {held = tonumber(held), need = tonumber(need), wants = wants == '1', till = tonumber(till)}
end
local function write(owner, one)
  local text = whole(one.held) .. ' ' .. whole(one.need) .. ' ' .. (one.wants and '1' or '0') .. ' ' .. whole(one.till)
  redis.call('HSET', KEYS[3], owner, text)
end

-- Grants of this rate: a call counts from when it was given until `window` after it ended at the latest.
local step = math.max(1, ask.window / 100)
local function bucket(instant) return whole(math.ceil(instant / step) * step) end
local function spend(key, calls)
  if redis.call('HINCRBY', KEYS[2], key, calls) <= 0 then redis.call('HDEL', KEYS[2], key) end
end

local function clock_was_set_back()
  local spent = 0
  for _, calls in pairs(pairs_of(redis.call('HGETALL', KEYS[2]))) do spent = spent + tonumber(calls) end
  redis.call('DEL', KEYS[2], KEYS[4])
  if spent > 0 then spend(bucket(now), spent) end
  for owner, one in pairs(sharers) do
    one.till = now + ALIVE
    write(owner, one)
  end
  if state.open_until then put('open_until', math.min(at('open_until'), now + ask.open)) end
  if state.paused_until then put('paused_until', math.min(at('paused_until'), now + at('paused_for'))) end
  if state.probing_by then put('probing_until', now + ALIVE) put('probing_at', now) end
  if state.ramp_at then put('ramp_at', now) drop('ramp_second', 'ramp_used') end
end
if at('seen') > now + BACK then clock_was_set_back() end
put('seen', now)

local function start_ramp()
  put('ramp_at', now)
  drop('ramp_second', 'ramp_used')
end

-- What it gives back
if ask.back and ask.most > 0 then
  if redis.call('HEXISTS', KEYS[2], ask.back.grant) == 1 then spend(ask.back.grant, -ask.back.calls) end
  if ask.back.used > 0 then spend(bucket(now - ask.back.ago), ask.back.used) end
end
if ask.back and state.ramp_second and ask.back.ramp == state.ramp_at .. '+' .. state.ramp_second then
  put('ramp_used', math.max(0, at('ramp_used') - (ask.back.calls - ask.back.used)))
end

-- What it was told: a pause
if ask.pause > 0 and now + ask.pause > at('paused_until') then
  put('paused_until', now + ask.pause)
  put('paused_for', ask.pause)
  put('paused_why', ask.pause_why)
end
if state.paused_until and now >= at('paused_until') then
  if at('paused_for') > SECOND then start_ramp() end
  drop('paused_until', 'paused_for', 'paused_why')
end

-- What it saw: failures, and how the probe went
for _, ago in ipairs(ask.failures) do
  redis.call('LPUSH', KEYS[4], whole(now - ago))
  put('last', ask.last)
end
if #ask.failures > 0 and ask.most_failures > 0 then
  redis.call('LTRIM', KEYS[4], 0, ask.most_failures - 1)
  redis.call('PEXPIRE', KEYS[4], whole(ask.within / 1000 + 1000))
end
local function open()
  put('open_until', now + ask.open)
  drop('ramp_at', 'ramp_second', 'ramp_used', 'probing_by', 'probing_until', 'probing_at')
  redis.call('DEL', KEYS[4])
end
if ask.most_failures > 0 and not state.open_until and #ask.failures > 0 then
  local seen = redis.call('LRANGE', KEYS[4], 0, -1)
  local oldest = now
  for _, instant in ipairs(seen) do oldest = math.min(oldest, tonumber(instant)) end
  if #seen >= ask.most_failures and now - oldest <= ask.within then open() end
end
if ask.probe ~= '' and state.probing_by == ask.owner then
  if ask.probe == 'failed' then open()
  elseif ask.probe == 'busy' then put('probing_until', now + ALIVE)
  else
    drop('probing_by', 'probing_until', 'probing_at')
    if ask.probe == 'ok' then
      drop('open_until')
      redis.call('DEL', KEYS[4])
      start_ramp()
    end
  end
end
if state.probing_by and at('probing_until') < now then drop('probing_by', 'probing_until', 'probing_at') end

-- Slots: what is free; no more than a fair part while another has less than its own
local wanting, busy, held_by_others, sharing = 0, 0, 0, 0
for owner, one in pairs(sharers) do
  if one.till < now then
    redis.call('HDEL', KEYS[3], owner)
    sharers[owner] = nil
  elseif owner ~= ask.owner then
    sharing = sharing + 1
    held_by_others = held_by_others + one.held
    if one.need > 0 then wanting = wanting + 1 end
    if one.wants then busy = busy + 1 end
  end
end
local leaves = ask.want == 0 and ask.in_use == 0 and ask.tokens == 0
local mine = sharers[ask.owner] or {held = 0}
local slots, starved = ask.want, false  -- calls it may have under way; what it has beyond that ends by itself
if ask.slots > 0 then
  local fair = math.floor(ask.slots / math.max(1, wanting + (ask.need > 0 and 1 or 0)))
  for owner, one in pairs(sharers) do
    if owner ~= ask.owner and one.held < math.min(one.need, math.max(1, fair)) then starved = true end
  end
  local most = ask.slots
  if starved then most = math.min(ask.need, (mine.held > 0 and fair < 1) and 0 or math.max(1, fair)) end
  slots = math.max(0, math.min(ask.want, ask.slots - held_by_others, most))
end
if leaves then
  redis.call('HDEL', KEYS[3], ask.owner)
else
  write(ask.owner, {held = math.max(ask.in_use, slots), need = ask.need, wants = ask.tokens > 0, till = now + ALIVE})
  redis.call('PEXPIRE', KEYS[3], whole(2 * ALIVE / 1000))
end

-- May it call at all?
local told = {
  slots = slots, starved = starved, sharing = sharing + (leaves and 0 or 1), wanting = wanting + 1,
  tokens = 0, lease = LEASE, more = -1, probe = false, open = -1, probing = -1, paused = -1, ramp = 0, grant = '',
}
if state.paused_until then
  told.paused = at('paused_until') - now
  told.why = state.paused_why
elseif state.open_until then
  told.open = math.max(0, at('open_until') - now)
  told.why = state.last or ''
  if state.probing_by then
    told.probing = now - at('probing_at')
  elseif told.open == 0 and ask.tokens > 0 and (ask.slots == 0 or slots > ask.in_use) then
    put('probing_by', ask.owner)
    put('probing_until', now + ALIVE)
    put('probing_at', now)
    told.probe = true
  end
end

-- Tokens: as many as it wants, within the ramp, the rate, and a fair part of what is left
if told.paused < 0 and (not state.open_until or told.probe) then
  local free, lease = -1, LEASE
  if state.ramp_at and not told.probe then
    local passed = math.max(0, now - at('ramp_at'))
    local second = math.floor(passed / SECOND)
    if 2 ^ second >= ask.top then
      drop('ramp_at', 'ramp_second', 'ramp_used')
    else
      if state.ramp_second ~= whole(second) then
        put('ramp_second', second)
        put('ramp_used', 0)
      end
      free = 2 ^ second - at('ramp_used')
      told.ramp = 2 ^ second
      told.more = (second + 1) * SECOND - passed
      lease = math.min(lease, told.more)
    end
  end
  if ask.most > 0 then
    local spent, oldest = 0, nil
    for key, calls in pairs(pairs_of(redis.call('HGETALL', KEYS[2]))) do
      if tonumber(key) + ask.window <= now then
        redis.call('HDEL', KEYS[2], key)
      else
        spent = spent + tonumber(calls)
        if not oldest or tonumber(key) < oldest then oldest = tonumber(key) end
      end
    end
    local left = math.max(0, ask.most - spent)
    if left == 0 and oldest then told.more = math.max(told.more, oldest + ask.window - now) end
    free = free < 0 and left or math.min(free, left)
  end
  if free < 0 then
    told.tokens = told.probe and 1 or -1
  else
    local fair = math.max(1, math.ceil(free / (busy + 1)))
    told.tokens = math.min(free, fair, told.probe and 1 or ask.tokens)
    if told.probe and told.tokens == 0 then
      drop('probing_by', 'probing_until', 'probing_at')
      told.probe = false
    end
    if told.tokens < free then told.more = -1 end
    if told.tokens > 0 then
      told.grant = bucket(now + lease)
      if ask.most > 0 then
        spend(told.grant, told.tokens)
        redis.call('PEXPIRE', KEYS[2], whole((ask.window + LEASE) / 1000 + 1000))
      end
      if told.ramp > 0 then
        put('ramp_used', at('ramp_used') + told.tokens)
        told.ramp_id = state.ramp_at .. '+' .. state.ramp_second
      end
    end
  end
  told.lease = lease
end

redis.call('PEXPIRE', KEYS[1], whole(math.max(93600000, 2 * ask.open / 1000)))
return cjson.encode(told)

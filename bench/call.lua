-- One request over and over, for wrk, and its summary as a line of JSON.
--
-- wrk -s call.lua URL -- BODY-FILE [NAME=VALUE …]      the words after -- are the body's file and the headers

local request_bytes

function init(words)
  local file = assert(io.open(words[1], "rb"))
  local body = file:read("*a")
  file:close()
  local headers = {}
  for position = 2, #words do
    local name, value = words[position]:match("^([^=]+)=(.*)$")
    headers[name] = value
  end
  request_bytes = wrk.format("POST", nil, headers, body)
end

function request()
  return request_bytes
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '\n{"requests":%d,"microseconds":%d,"bytes":%d,"non_2xx":%d,"broken":%d,"p50_us":%d,"p99_us":%d,"max_us":%d}\n',
    summary.requests, summary.duration, summary.bytes, errors.status,
    errors.connect + errors.read + errors.write + errors.timeout,
    latency:percentile(50), latency:percentile(99), latency.max))
end

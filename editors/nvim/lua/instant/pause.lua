--- Where completions are off for now: for some minutes everywhere, or for a language while Neovim runs.
--- Knows nothing of how completions are shown; what it cannot reach is off by the server's settings.

local M = {}

local listener = function() end ---@type fun()
local off_languages = {} ---@type table<string, true?> by 'filetype'
local timer ---@type uv.uv_timer_t?
local ends ---@type string? the time of day at which the pause ends

--- Whether completions are off in a buffer.
---@param bufnr integer
---@return boolean
function M.is_on(bufnr)
  return ends ~= nil or off_languages[vim.bo[bufnr].filetype] ~= nil
end

--- Why completions are off in a buffer, in a word or two; nil where they are not.
---@param bufnr integer
---@return string?
function M.reason(bufnr)
  if ends then
    return 'snoozed until ' .. ends
  end
  local filetype = vim.bo[bufnr].filetype
  return off_languages[filetype] and ('off for ' .. filetype) or nil
end

--- Turns completions off everywhere, for so long.
---@param minutes number
function M.snooze(minutes)
  M._stop_timer()
  ends = os.date('%H:%M', os.time() + math.floor(minutes * 60)) --[[@as string]]
  timer = assert(vim.uv.new_timer())
  timer:start(math.floor(minutes * 60000), 0, vim.schedule_wrap(M.resume))
  listener()
end

--- Ends the pause.
function M.resume()
  M._stop_timer()
  ends = nil
  listener()
end

--- Turns completions off or on in all buffers of a language.
---@param filetype string
---@param is_off boolean
function M.language(filetype, is_off)
  off_languages[filetype] = is_off or nil
  listener()
end

--- What is called at each change.
---@param called fun()
function M.on_change(called)
  listener = called
end

function M._stop_timer()
  if timer then
    timer:stop()
    timer:close()
    timer = nil
  end
end

return M

--- What the server last said of its endpoint, and its text for a statusline.

local M = {}

---@class instant.Status
---@field state 'ready'|'starting'|'off'|'down'
---@field message string  a sentence that says what to do
---@field tier string
---@field model string
---@field off_languages? string[]  language identifiers without completions, by the server's settings

local by_client = {} ---@type table<integer, instant.Status?>

--- Takes the server's `instant/status`; the autocommand `User InstantStatus` follows.
---@param client_id integer
---@param status instant.Status
function M.receive(client_id, status)
  by_client[client_id] = status
  vim.api.nvim_exec_autocmds('User', { pattern = 'InstantStatus', modeline = false })
  vim.cmd.redrawstatus({ bang = true })
end

--- The status for a buffer; nil where no server is attached or none was told yet.
---@param bufnr? integer default: the current one
---@return instant.Status?
function M.get(bufnr)
  local client = vim.lsp.get_clients({ name = 'instant', bufnr = bufnr or 0 })[1]
  return client and by_client[client.id]
end

--- For a statusline: empty where no server is attached.
---@return string
function M.statusline()
  local status = M.get()
  if not status then
    return ''
  end
  local why = require('instant.pause').reason(0)
  if not why and vim.list_contains(status.off_languages or {}, vim.bo.filetype) then
    why = 'off for ' .. vim.bo.filetype
  end
  local state = status.state == 'ready' and why or status.state
  return ('instant: %s%s'):format(state, status.tier == 'thinking' and ' (thinking)' or '')
end

--- The whole of it, for a message.
---@return string
function M.sentence()
  local status = M.get()
  if not status then
    return 'no server is attached to this buffer; :checkhealth instant says why'
  end
  local why = require('instant.pause').reason(0)
  return ('%s: %s%s'):format(status.state, status.message, why and (' Completions are %s.'):format(why) or '')
end

--- Asks the server, and waits for its answer.
---@param client vim.lsp.Client
---@param timeout_ms integer
---@return instant.Status?
---@return string? fault why there is none
function M.ask(client, timeout_ms)
  local params = { command = 'instant.status', arguments = {} }
  local answer, fault = client:request_sync('workspace/executeCommand', params, timeout_ms)
  if not answer then
    return nil, fault or 'the server has stopped'
  end
  return answer.result, answer.err and answer.err.message
end

return M

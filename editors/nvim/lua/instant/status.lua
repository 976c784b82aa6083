--- What the server last said of its endpoint, and its text for a statusline.

local M = {}

---@class instant.Status
---@field state 'ready'|'starting'|'off'|'down'
---@field message string  a sentence that says what to do
---@field tier string
---@field model string

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
  return ('instant: %s%s'):format(status.state, status.tier == 'thinking' and ' (thinking)' or '')
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

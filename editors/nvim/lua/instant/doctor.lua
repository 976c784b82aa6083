--- What the server's doctor has found: asks for it and shows it; the checks are the server's.

local M = {}

---@class instant.Finding
---@field area string
---@field check string
---@field state 'ok'|'warning'|'failed'|'skipped'
---@field found string
---@field todo string

local function params()
  local asker = { editor = 'Neovim', version = require('instant.version') }
  return { command = 'instant.doctor', arguments = { asker } }
end

--- Shows the findings in a scratch buffer.
function M.open()
  local client = vim.lsp.get_clients({ name = 'instant' })[1]
  if not client then
    vim.notify('instant-lsp: no server is running; :checkhealth instant says why', vim.log.levels.WARN)
    return
  end
  vim.api.nvim_echo({ { 'instant-lsp: the doctor is looking' } }, false, {})
  client:request('workspace/executeCommand', params(), function(err, found)
    if err then
      vim.api.nvim_echo({ { 'instant-lsp: ' .. err.message } }, true, {})
      return
    end
    local buffer = vim.api.nvim_create_buf(true, true)
    vim.api.nvim_buf_set_lines(buffer, 0, -1, true, vim.split(vim.trim(found.text), '\n'))
    vim.bo[buffer].filetype = 'markdown'
    vim.bo[buffer].modifiable = false
    vim.cmd.sbuffer(buffer)
  end)
end

--- Asks, and waits for the findings.
---@param client vim.lsp.Client
---@param timeout_ms integer
---@return instant.Finding[]?
---@return string? fault why there are none
function M.ask(client, timeout_ms)
  local answer, fault = client:request_sync('workspace/executeCommand', params(), timeout_ms)
  if not answer then
    return nil, fault or 'the server has stopped'
  end
  return answer.result and answer.result.findings, answer.err and answer.err.message
end

return M

--- What the server's doctor has found: asks for it and shows it; the checks are the server's.

local M = {}

---@class instant.Finding
---@field area string
---@field check string
---@field state 'ok'|'warning'|'failed'|'skipped'
---@field found string
---@field todo string

local COMMAND = 'instant.doctor'

local function arguments()
  return { { editor = 'Neovim', version = require('instant.version') } }
end

--- Shows the findings in a scratch buffer.
function M.open()
  local ask = require('instant.ask')
  local client = ask.client()
  if not client then
    return
  end
  vim.api.nvim_echo({ { 'instant-lsp: the doctor is looking' } }, false, {})
  ask.run(client, COMMAND, arguments(), function(found)
    ask.show(found.text)
  end)
end

--- Asks, and waits for the findings.
---@param client vim.lsp.Client
---@param timeout_ms integer
---@return instant.Finding[]?
---@return string? fault why there are none
function M.ask(client, timeout_ms)
  local params = { command = COMMAND, arguments = arguments() }
  local answer, fault = client:request_sync('workspace/executeCommand', params, timeout_ms)
  if not answer then
    return nil, fault or 'the server has stopped'
  end
  return answer.result and answer.result.findings, answer.err and answer.err.message
end

return M

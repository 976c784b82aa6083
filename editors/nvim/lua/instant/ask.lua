--- Asks the running server for one of its commands, and tells the user what came of it.

local M = {}

--- The server of a buffer, or with none given any; where none runs the user is told, and nil comes back.
---@param bufnr? integer
---@return vim.lsp.Client?
function M.client(bufnr)
  local client = vim.lsp.get_clients({ name = 'instant', bufnr = bufnr })[1]
  if not client then
    vim.notify('instant-lsp: no server is running here; :checkhealth instant says why', vim.log.levels.WARN)
  end
  return client
end

--- Runs a command of the server; what it refuses is told, and `answered` not called.
---@param client vim.lsp.Client
---@param command string
---@param arguments any[]
---@param answered fun(result: any)
function M.run(client, command, arguments, answered)
  local params = { command = command, arguments = arguments }
  client:request('workspace/executeCommand', params, function(err, result)
    if err then
      M.tell(err.message)
    else
      answered(result)
    end
  end)
end

--- A line that stays in |:messages|.
---@param text string
function M.tell(text)
  vim.api.nvim_echo({ { 'instant-lsp: ' .. text } }, true, {})
end

--- Opens a window with Markdown that cannot be changed.
---@param text string
function M.show(text)
  local buffer = vim.api.nvim_create_buf(true, true)
  vim.api.nvim_buf_set_lines(buffer, 0, -1, true, vim.split(vim.trim(text), '\n'))
  vim.bo[buffer].filetype = 'markdown'
  vim.bo[buffer].modifiable = false
  vim.cmd.sbuffer(buffer)
end

return M

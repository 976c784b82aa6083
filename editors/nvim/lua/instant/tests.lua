--- Generates tests for what the cursor stands in; which, where and how, and the edit itself, are the server's.

local M = {}

--- Asks the server, and says what came of it.
---@param opts { tier?: 'thinking'|'instant' }
function M.run(opts)
  local bufnr = vim.api.nvim_get_current_buf()
  local client = vim.lsp.get_clients({ name = 'instant', bufnr = bufnr })[1]
  if not client then
    vim.notify('instant-lsp: no server is attached; :checkhealth instant says why', vim.log.levels.WARN)
    return
  end
  local range = vim.lsp.util.make_range_params(0, client.offset_encoding).range
  local argument = { uri = vim.uri_from_bufnr(bufnr), range = range, tier = opts.tier }
  local params = { command = 'instant.generateTests', arguments = { argument } }
  client:request('workspace/executeCommand', params, function(err, made)
    if err then
      vim.notify('instant-lsp: ' .. err.message, vim.log.levels.WARN)
    else
      vim.api.nvim_echo({ { 'instant-lsp: ' .. made.text } }, true, {})
    end
  end)
end

return M

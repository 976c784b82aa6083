--- Generates tests for what the cursor stands in; which, where and how, and the edit itself, are the server's.

local ask = require('instant.ask')

local M = {}

--- Asks the server, and says what came of it.
---@param opts { tier?: 'thinking'|'instant' }
function M.run(opts)
  local bufnr = vim.api.nvim_get_current_buf()
  local client = ask.client(bufnr)
  if not client then
    return
  end
  local range = vim.lsp.util.make_range_params(0, client.offset_encoding).range
  local argument = { uri = vim.uri_from_bufnr(bufnr), range = range, tier = opts.tier }
  ask.run(client, 'instant.generateTests', { argument }, function(made)
    ask.tell(made.text)
  end)
end

return M

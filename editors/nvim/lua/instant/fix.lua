--- Fixes what is marked in the cursor's line, or in lines: by the server's own code action, which makes the edit.

local M = {}

---@param opts { line1?: integer, line2?: integer } lines are 1-based, both included
function M.run(opts)
  if not require('instant.ask').client(vim.api.nvim_get_current_buf()) then
    return
  end
  local range = opts.line1
    and {
      start = { opts.line1, 0 },
      ['end'] = {
        opts.line2,
        #vim.fn.getline(opts.line2 --[[@as integer]]),
      },
    }
  vim.lsp.buf.code_action({
    apply = true,
    context = { only = { 'quickfix' } },
    range = range,
    filter = M._is_ours,
  })
end

--- Other servers' actions are told apart by what ours carries, since Neovim does not say whose one is.
---@param action lsp.CodeAction|lsp.Command
---@return boolean
function M._is_ours(action)
  local data = action.data ---@diagnostic disable-line: undefined-field
  return type(data) == 'table' and data.uri ~= nil and data.version ~= nil and data.diagnostics ~= nil
end

return M

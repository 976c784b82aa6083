--- Inline completions by Neovim's own client (0.12 and later); knows nothing of how it asks and draws.

local edit = require('instant.edit')

local M = {}

local group = vim.api.nvim_create_augroup('instant.native', {})

---@param _ vim.lsp.Client
---@param bufnr integer
function M.attach(_, bufnr)
  vim.lsp.inline_completion.enable(true, { bufnr = bufnr })
  -- CTRL-C leaves insert mode without InsertLeave, which is what Neovim hides by.
  vim.api.nvim_clear_autocmds({ group = group, buffer = bufnr })
  vim.api.nvim_create_autocmd('ModeChanged', {
    group = group,
    buffer = bufnr,
    callback = function()
      if vim.api.nvim_get_mode().mode:sub(1, 1) ~= 'i' then
        M.dismiss()
      end
    end,
  })
end

---@param _ vim.lsp.Client
---@param bufnr integer
function M.detach(_, bufnr)
  vim.api.nvim_clear_autocmds({ group = group, buffer = bufnr })
end

--- The completion menu keeps its keys: with the menu open nothing is taken.
---@param part instant.Part
---@return boolean
function M.take(part)
  if vim.fn.pumvisible() == 1 then
    return false
  end
  local bufnr = vim.api.nvim_get_current_buf()
  return vim.lsp.inline_completion.get({
    on_accept = function(item)
      edit.insert(bufnr, M._completion(bufnr, item), part)
    end,
  })
end

--- Accepting by a function that inserts nothing hides what is shown, and drops what was asked.
---@return boolean
function M.dismiss()
  return vim.lsp.inline_completion.get({ on_accept = function() end })
end

--- Neovim keeps the range as it was when the answer came; what was typed since belongs to it, too.
---@param bufnr integer
---@param item vim.lsp.inline_completion.Item
---@return instant.Completion
function M._completion(bufnr, item)
  local row, cursor_col = unpack(vim.api.nvim_win_get_cursor(0))
  local start, finish = { line = row - 1, character = cursor_col }, nil
  if item.range then
    -- In utf-8 a position's character is the byte that is needed here.
    local range = item.range:to_lsp('utf-8')
    start, finish = range.start, range['end']
  end
  local line = vim.api.nvim_buf_get_lines(bufnr, start.line, start.line + 1, false)[1] or ''
  return {
    client_id = item.client_id,
    row = start.line,
    col = start.character,
    after = #line - math.max(cursor_col, finish and finish.character or 0),
    text = edit.unix_lines(item.insert_text --[[@as string]]),
    command = item.command,
  }
end

return M

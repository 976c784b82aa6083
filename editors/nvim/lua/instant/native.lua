--- Inline completions by Neovim's own client (0.12 and later); knows nothing of how it asks and draws.

local edit = require('instant.edit')

local M = {}

local METHOD = 'textDocument/inlineCompletion'
local INVOKED = 1
local group = vim.api.nvim_create_augroup('instant.native', {})
local watched = {} ---@type table<integer, true?> by the client's id
local alternatives = {} ---@type table<integer, instant.Alternatives?> by buffer

--- More than one completion is asked for only where the user wants to see them.
---@class instant.Alternatives
---@field place string             where they were asked for: Neovim's own requests there would bring one again
---@field step? integer            which one to show when they have come

---@param client vim.lsp.Client
---@param bufnr integer
function M.attach(client, bufnr)
  M._watch_requests(client)
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
  alternatives[bufnr] = nil
end

---@param bufnr integer
function M.pause(bufnr)
  vim.api.nvim_clear_autocmds({ group = group, buffer = bufnr })
  vim.lsp.inline_completion.enable(false, { bufnr = bufnr })
end

--- The completion menu keeps its keys: with the menu open nothing is taken.
---@param part instant.Part
---@return boolean
function M.take(part)
  if require('instant.menu').is_open() then
    return false
  end
  local bufnr = vim.api.nvim_get_current_buf()
  return vim.lsp.inline_completion.get({
    on_accept = function(item)
      edit.insert(bufnr, M._completion(bufnr, item), part)
    end,
  })
end

--- Shows another completion; asks for others first where that was not done at this place.
---@param step integer 1 for the next one, -1 for the one before
---@return boolean
function M.cycle(step)
  if require('instant.menu').is_open() or not M._is_shown() then
    return false
  end
  local bufnr = vim.api.nvim_get_current_buf()
  local place = M._place(bufnr)
  local asked = alternatives[bufnr]
  if asked and asked.place == place then
    vim.schedule(function()
      vim.lsp.inline_completion.select({ bufnr = bufnr, count = step })
    end)
  else
    alternatives[bufnr] = { place = place, step = step }
    vim.schedule(function()
      M._ask_again(bufnr) -- how is seen to by _watch_requests
    end)
  end
  return true
end

--- Asks again for what is shown; not where the user is choosing among several.
---@param _ vim.lsp.Client
---@param bufnr integer
function M.refresh(_, bufnr)
  local asked = alternatives[bufnr]
  if M._is_shown() and not (asked and asked.place == M._place(bufnr)) then
    M._ask_again(bufnr)
  end
end

--- Neovim asks after a moving of the cursor only; nobody else is told that it has moved, where its group is known.
---@param bufnr integer
function M._ask_again(bufnr)
  local neovims_own = ('nvim.lsp.inline_completion:%d'):format(bufnr)
  local is_known = vim.fn.exists('#' .. neovims_own) == 1
  vim.api.nvim_exec_autocmds('CursorMovedI', {
    buffer = bufnr,
    group = is_known and neovims_own or nil,
    modeline = false,
  })
end

--- Accepting by a function that inserts nothing hides what is shown, and drops what was asked.
---@return boolean
function M.dismiss()
  return vim.lsp.inline_completion.get({ on_accept = function() end })
end

--- Neovim asks for one completion by itself, and has no function to ask for more: so its request is made to.
---@param client vim.lsp.Client
function M._watch_requests(client)
  if watched[client.id] then
    return
  end
  watched[client.id] = true
  local request = client.request
  ---@diagnostic disable-next-line: duplicate-set-field
  client.request = function(self, method, params, answered, bufnr)
    local here = method == METHOD and vim.uri_to_bufnr(params.textDocument.uri) or nil
    local asked = here and alternatives[here]
    if not here or not asked or asked.place ~= M._place(here) then
      return request(self, method, params, answered, bufnr)
    end
    params.context.triggerKind = INVOKED
    return request(self, method, params, function(...)
      answered(...)
      vim.lsp.inline_completion.select({ bufnr = here, count = asked.step or 0 })
      asked.step = nil
    end, bufnr)
  end
end

---@param bufnr integer
---@return string
function M._place(bufnr)
  local row, col = unpack(vim.api.nvim_win_get_cursor(0))
  return ('%d:%d:%d'):format(vim.api.nvim_buf_get_changedtick(bufnr), row, col)
end

--- Whether a completion is shown, which Neovim tells only by its drawing of it.
---@return boolean
function M._is_shown()
  local namespace = vim.api.nvim_get_namespaces()['nvim.lsp.inline_completion']
  return namespace ~= nil and #vim.api.nvim_buf_get_extmarks(0, namespace, 0, -1, { limit = 1 }) > 0
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

--- Ghost text for a Neovim without inline completion of its own (0.11): asks, shows the newest answer,
--- takes it or hides it. When to ask the model and what to offer is the server's business.

local edit = require('instant.edit')

local api = vim.api

local M = {}

local METHOD = 'textDocument/inlineCompletion'
local INVOKED, AUTOMATIC = 1, 2
local namespace = api.nvim_create_namespace('instant')
local group = api.nvim_create_augroup('instant.ghost', {})

---@class instant.Request
---@field client vim.lsp.Client
---@field bufnr integer
---@field id? integer
---@field changedtick integer
---@field cursor [integer, integer]
---@field step? integer  of one for several completions: which of them to show

--- By buffer: what is shown, what may be shown in its place, and the one request whose answer counts.
local shown = {} ---@type table<integer, instant.Completion?>
local choices = {} ---@type table<integer, instant.Completion[]?>
local pending = {} ---@type table<integer, instant.Request?>

---@param client vim.lsp.Client
---@param bufnr integer
function M.attach(client, bufnr)
  if not client.server_capabilities.inlineCompletionProvider then
    return
  end
  api.nvim_set_hl(0, 'InstantGhost', { default = true, link = 'Comment' })
  api.nvim_clear_autocmds({ group = group, buffer = bufnr })
  api.nvim_create_autocmd({ 'InsertEnter', 'TextChangedI', 'TextChangedP', 'CursorMovedI' }, {
    group = group,
    buffer = bufnr,
    callback = function()
      M._draw(bufnr)
      M._ask(client, bufnr)
    end,
  })
  -- CTRL-C leaves insert mode without InsertLeave, but not without ModeChanged.
  api.nvim_create_autocmd({ 'ModeChanged', 'BufLeave' }, {
    group = group,
    buffer = bufnr,
    callback = function(event)
      if event.event == 'BufLeave' or not M._is_inserting(bufnr) then
        M._clear(bufnr)
      end
    end,
  })
end

---@param _ vim.lsp.Client?
---@param bufnr integer
function M.detach(_, bufnr)
  api.nvim_clear_autocmds({ group = group, buffer = bufnr })
  M._clear(bufnr)
end

--- The completion menu keeps its keys: with the menu open nothing is taken.
---@param part instant.Part
---@return boolean
function M.take(part)
  local bufnr = api.nvim_get_current_buf()
  local completion = shown[bufnr]
  if not completion or require('instant.menu').is_open() then
    return false
  end
  -- An `expr` mapping must not change the buffer itself.
  vim.schedule(function()
    M._clear(bufnr)
    edit.insert(bufnr, completion, part)
  end)
  return true
end

---@param bufnr integer
function M.pause(bufnr)
  M.detach(nil, bufnr)
end

--- Shows another completion; asks for others first where there is one alone.
---@param step integer 1 for the next one, -1 for the one before
---@return boolean
function M.cycle(step)
  local bufnr = api.nvim_get_current_buf()
  local completion, several = shown[bufnr], choices[bufnr] or {}
  if not completion or require('instant.menu').is_open() then
    return false
  end
  local client = vim.lsp.get_client_by_id(completion.client_id)
  vim.schedule(function()
    if #several > 1 then
      M._choose(bufnr, step)
    elseif client then
      M._ask(client, bufnr, step)
    end
  end)
  return true
end

--- Asks again for what is shown; not where the user is choosing among several.
---@param client vim.lsp.Client
---@param bufnr integer
function M.refresh(client, bufnr)
  if shown[bufnr] and not pending[bufnr] and #(choices[bufnr] or {}) < 2 then
    M._ask(client, bufnr)
  end
end

---@return boolean
function M.dismiss()
  local bufnr = api.nvim_get_current_buf()
  local was_shown = shown[bufnr] ~= nil
  M._clear(bufnr)
  return was_shown
end

---@param bufnr integer
function M._is_inserting(bufnr)
  return api.nvim_get_current_buf() == bufnr and api.nvim_get_mode().mode:sub(1, 1) == 'i'
end

---@param request instant.Request
---@return boolean
function M._is_current(request)
  return api.nvim_buf_get_changedtick(request.bufnr) == request.changedtick
    and vim.deep_equal(api.nvim_win_get_cursor(0), request.cursor)
end

--- Asks for the cursor's place at once; the server waits where waiting helps.
---@param client vim.lsp.Client
---@param bufnr integer
---@param step? integer for several completions: which of them to show
function M._ask(client, bufnr, step)
  local last = pending[bufnr]
  if last and not step and M._is_current(last) then
    return -- One key makes both TextChangedI and CursorMovedI.
  end
  M._cancel(bufnr)
  ---@type instant.Request
  local request = {
    client = client,
    bufnr = bufnr,
    changedtick = api.nvim_buf_get_changedtick(bufnr),
    cursor = api.nvim_win_get_cursor(0),
    step = step,
  }
  pending[bufnr] = request
  local params = vim.lsp.util.make_position_params(0, client.offset_encoding)
  ---@diagnostic disable-next-line: inject-field
  params.context = { triggerKind = step and INVOKED or AUTOMATIC }
  local _, id = client:request(METHOD, params, function(err, result)
    M._receive(request, err, result)
  end, bufnr)
  request.id = id
end

---@param bufnr integer
function M._cancel(bufnr)
  local request = pending[bufnr]
  pending[bufnr] = nil
  if request and request.client.requests[request.id] then
    request.client:cancel_request(request.id)
  end
end

--- null: a newer answer follows, keep what is shown. An empty list: nothing to show, hide it.
---@param request instant.Request
---@param err? lsp.ResponseError
---@param result? lsp.InlineCompletionList|lsp.InlineCompletionItem[]
function M._receive(request, err, result)
  local bufnr = request.bufnr
  if pending[bufnr] ~= request then
    return
  end
  pending[bufnr] = nil
  if err or not result or not M._is_inserting(bufnr) or not M._is_current(request) then
    return
  end
  choices[bufnr] = vim.tbl_map(function(item)
    return M._completion(request, item)
  end, result.items or result)
  shown[bufnr] = choices[bufnr][1]
  if request.step then
    M._choose(bufnr, request.step)
  else
    M._draw(bufnr)
  end
end

--- Shows the completion that lies `step` further than the shown one.
---@param bufnr integer
---@param step integer
function M._choose(bufnr, step)
  local several = choices[bufnr] or {}
  for index, completion in ipairs(several) do
    if completion == shown[bufnr] then
      shown[bufnr] = several[(index - 1 + step) % #several + 1]
      break
    end
  end
  M._draw(bufnr)
end

---@param request instant.Request
---@param item lsp.InlineCompletionItem
---@return instant.Completion
function M._completion(request, item)
  local row, first, last = request.cursor[1] - 1, request.cursor[2], request.cursor[2]
  local line = api.nvim_get_current_line()
  if item.range then
    local encoding = request.client.offset_encoding
    row = item.range.start.line
    first = vim.str_byteindex(line, encoding, item.range.start.character, false)
    last = vim.str_byteindex(line, encoding, item.range['end'].character, false)
  end
  return {
    client_id = request.client.id,
    row = row,
    col = first,
    after = #line - last,
    text = edit.unix_lines(item.insertText --[[@as string]]),
    command = item.command,
  }
end

---@param bufnr integer
function M._clear(bufnr)
  M._cancel(bufnr)
  shown[bufnr], choices[bufnr] = nil, nil
  if api.nvim_buf_is_valid(bufnr) then
    api.nvim_buf_clear_namespace(bufnr, namespace, 0, -1)
  end
end

--- Draws what is left to type of the shown completion, or nothing when the text has gone another way.
---@param bufnr integer
function M._draw(bufnr)
  api.nvim_buf_clear_namespace(bufnr, namespace, 0, -1)
  local completion = shown[bufnr]
  local rest, tail, behind = nil, nil, nil
  if completion then
    rest, tail, behind = edit.rest(bufnr, completion)
  end
  if not completion or not rest or not tail or not behind then
    shown[bufnr] = nil
    return
  end
  local lines = M._virtual_lines(rest)
  local is_inline = tail == '' and (#lines == 1 or behind == '')
  if not is_inline then
    -- The rest of the line is shown where it will stand: the ghost text covers it where it stands now.
    local covered = vim.fn.strdisplaywidth(tail .. behind) - vim.fn.strdisplaywidth(lines[1][1][1])
    table.insert(lines[#lines], { behind })
    table.insert(lines[1], { (' '):rep(covered) })
  end
  api.nvim_buf_set_extmark(bufnr, namespace, completion.row, api.nvim_win_get_cursor(0)[2], {
    virt_text = lines[1],
    virt_text_pos = is_inline and 'inline' or 'overlay',
    virt_lines = #lines > 1 and vim.list_slice(lines, 2) or nil,
    hl_mode = 'combine',
  })
end

--- Lines as chunks of an extmark.
---@param text string
---@return [string, string?][][]
function M._virtual_lines(text)
  local lines = vim.split(text, '\n', { plain = true })
  lines[1] = M._expand_tabs(lines[1])
  return vim.tbl_map(function(line)
    return { { line, 'InstantGhost' } }
  end, lines)
end

--- Neovim expands tabs in virtual lines, but not in virtual text.
---@param text string what follows the cursor
---@return string
function M._expand_tabs(text)
  local column = vim.fn.virtcol('.') - 1
  return (
    text:gsub('([^\t]*)\t', function(before)
      column = column + vim.fn.strdisplaywidth(before)
      local width = vim.bo.tabstop - column % vim.bo.tabstop
      column = column + width
      return before .. (' '):rep(width)
    end)
  )
end

return M

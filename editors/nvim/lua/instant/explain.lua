--- A floating window with an explanation as it arrives; what is explained, and how, the server decides.

local api = vim.api

local M = {}

local MAX_WIDTH = 84
local MAX_SHARE = 0.6
local views = {} ---@type table<string, instant.ExplainView> by the token of its parts
local n_asked = 0

---@class instant.ExplainView
---@field buf integer
---@field win integer
---@field places string[] the addresses that links may lead to
---@field request_id? integer while it is being answered

--- Explains lines, or what the cursor stands in.
---@param opts { line1?: integer, line2?: integer, tier?: 'thinking'|'instant' } lines are 1-based, both included
function M.run(opts)
  local bufnr = api.nvim_get_current_buf()
  local client = require('instant.ask').client(bufnr)
  if not client then
    return
  end
  local range = vim.lsp.util.make_range_params(0, client.offset_encoding).range
  if opts.line1 and opts.line2 then
    range =
      { start = { line = opts.line1 - 1, character = 0 }, ['end'] = { line = opts.line2, character = 0 } }
  end
  M.ask(client, { uri = vim.uri_from_bufnr(bufnr), range = range, tier = opts.tier })
end

--- Asks with the argument of a code action; closing the window takes the request back.
---@param client vim.lsp.Client
---@param argument table what the server's command `instant.explain` takes
function M.ask(client, argument)
  n_asked = n_asked + 1
  local token = ('instant.explain.%d'):format(n_asked)
  local part_token = token .. '.part'
  local view = M._open()
  views[token], views[part_token] = view, view
  argument = vim.tbl_extend('force', argument, { workDoneToken = token, partialResultToken = part_token })
  local params = { command = 'instant.explain', arguments = { argument } }
  local _, request_id = client:request('workspace/executeCommand', params, function(err, result)
    views[token], views[part_token] = nil, nil
    view.request_id = nil
    M._show(view, err and { text = ('*%s*'):format(err.message) } or result)
    M._title(view, 'Explanation')
  end)
  view.request_id = request_id
  api.nvim_create_autocmd('WinClosed', {
    pattern = tostring(view.win),
    once = true,
    callback = function()
      views[token], views[part_token] = nil, nil
      if view.request_id and not client:is_stopped() then
        client:cancel_request(view.request_id)
      end
    end,
  })
end

--- Takes a progress of the server's; false where it is none of an explanation.
---@param params lsp.ProgressParams
---@return boolean is_part whether it was a part of the text, which is nobody else's business
function M.receive(params)
  local view, value = views[params.token], params.value
  if not view then
    return false
  end
  if value.text then
    M._show(view, value)
    return true
  end
  if value.message then
    M._title(view, value.message)
  end
  return false
end

---@return instant.ExplainView
function M._open()
  local from = api.nvim_get_current_win()
  local buf = api.nvim_create_buf(false, true)
  vim.bo[buf].bufhidden = 'wipe'
  local width = math.min(MAX_WIDTH, math.max(20, vim.o.columns - 4))
  local win = api.nvim_open_win(buf, true, {
    relative = 'editor',
    row = 1,
    col = math.max(0, vim.o.columns - width - 3),
    width = width,
    height = 3,
    style = 'minimal',
    border = 'rounded',
    title = ' Explaining ',
  })
  vim.bo[buf].filetype = 'markdown'
  vim.bo[buf].modifiable = false
  vim.wo[win].wrap, vim.wo[win].linebreak, vim.wo[win].conceallevel = true, true, 2
  local view = { buf = buf, win = win, places = {} } ---@type instant.ExplainView
  vim.keymap.set('n', '<CR>', function()
    M._follow(view, from)
  end, { buffer = buf, desc = 'instant-lsp: open the file that is named in this line' })
  for _, key in ipairs({ 'q', '<Esc>' }) do
    vim.keymap.set('n', key, '<Cmd>close<CR>', { buffer = buf, nowait = true, desc = 'instant-lsp: close' })
  end
  return view
end

--- Opens the place that the line links to from the cursor on, or its first one; none that the server has not named.
---@param view instant.ExplainView
---@param win integer the window to open it in
function M._follow(view, win)
  local line, column = api.nvim_get_current_line(), api.nvim_win_get_cursor(0)[2]
  local first, after
  for uri, number, at in line:gmatch('%]%((file://[^%s()]+)#L(%d+)%)()') do
    if vim.tbl_contains(view.places, ('%s#L%s'):format(uri, number)) then
      first = first or { uri, number }
      after = after or (at > column and { uri, number })
    end
  end
  local place = after or first
  if not place or not api.nvim_win_is_valid(win) then
    return
  end
  api.nvim_set_current_win(win)
  vim.cmd.edit(vim.fn.fnameescape(vim.uri_to_fname(place[1])))
  api.nvim_win_set_cursor(win, { math.min(tonumber(place[2]), api.nvim_buf_line_count(0)), 0 })
end

---@param view instant.ExplainView
---@param part { text: string, places?: string[] }
function M._show(view, part)
  if not api.nvim_win_is_valid(view.win) then
    return
  end
  vim.bo[view.buf].modifiable = true
  api.nvim_buf_set_lines(view.buf, 0, -1, false, vim.split(part.text, '\n', { plain = true }))
  view.places = part.places or {}
  vim.bo[view.buf].modifiable = false
  local n_rows = api.nvim_win_text_height(view.win, {}).all
  local n_most = math.max(3, math.floor(vim.o.lines * MAX_SHARE))
  api.nvim_win_set_config(view.win, { height = math.min(math.max(n_rows, 1), n_most) })
end

---@param view instant.ExplainView
---@param title string
function M._title(view, title)
  if api.nvim_win_is_valid(view.win) then
    api.nvim_win_set_config(view.win, { title = (' %s '):format(title) })
  end
end

return M

--- What a user's configuration calls: owns the options and the keys; knows nothing of how ghost text is shown.

local edit = require('instant.edit')

local M = {}

---@class instant.Keymaps
---@field accept? string|false     default `<Tab>`
---@field dismiss? string|false    default `<C-]>`
---@field accept_word? string|false
---@field accept_line? string|false

---@class instant.Options
---@field cmd? string[]            the server's command line; default `{ 'instant-lsp', 'serve' }`
---@field settings? table          the server's options, for example `{ endpoint = { instant = { url = '…' } } }`
---@field keymaps? instant.Keymaps `false` for a key leaves it alone

---@type instant.Keymaps
local default_keymaps = { accept = '<Tab>', dismiss = '<C-]>', accept_word = false, accept_line = false }

--- Sets the keys and starts the server for every file that is opened.
---@param opts? instant.Options
function M.setup(opts)
  opts = opts or {}
  if M._is_called_by_project() then
    vim.notify_once('instant-lsp: cmd and settings of a project are left out; see |instant-project|', vim.log.levels.WARN)
  else
    M._settings = opts.settings or vim.empty_dict()
    vim.lsp.config('instant', { cmd = opts.cmd })
  end
  vim.lsp.enable('instant')
  for name, key in pairs(vim.tbl_extend('force', default_keymaps, opts.keymaps or {})) do
    if key then
      M._map(key, name)
    end
  end
end

--- Gives the server the settings of setup() and no others: those of a project may not name an endpoint.
---@param params lsp.InitializeParams
---@param config vim.lsp.ClientConfig
function M.give_settings(params, config)
  local trusted = type(params.initializationOptions) == 'table' and params.initializationOptions.trusted or nil
  params.initializationOptions = vim.tbl_extend('force', M._settings or {}, { trusted = trusted })
  config.settings = { instant = M._settings }
end

--- Whether this runs because a file of the opened project has called, which 'exrc' allows.
---@return boolean
function M._is_called_by_project()
  local sources = { vim.fn.expand('<script>') }
  for level = 2, 40 do
    local called = debug.getinfo(level, 'S')
    sources[#sources + 1] = called and called.source
  end
  return vim.iter(sources):any(function(source)
    return vim.tbl_contains({ '.nvim.lua', '.nvimrc', '.exrc' }, vim.fs.basename((source:gsub('^@', ''))))
  end)
end

--- Puts the shown completion into the buffer. Like its sisters, false when none is shown, so that a
--- mapping can fall back; the buffer changes after the mapping has returned.
---@return boolean
function M.accept()
  return M._view().take(edit.whole)
end

---@return boolean
function M.accept_word()
  return M._view().take(edit.first_word)
end

---@return boolean
function M.accept_line()
  return M._view().take(edit.first_line)
end

--- Hides the shown completion until the text or the cursor changes.
---@return boolean
function M.dismiss()
  return M._view().dismiss()
end

--- Starts or ends the showing of completions in a buffer.
---@param event 'LspAttach'|'LspDetach'
---@param client vim.lsp.Client
---@param bufnr integer
function M.follow(event, client, bufnr)
  local view, cursor = M._view(), require('instant.cursor')
  if event == 'LspAttach' then
    view.attach(client, bufnr)
    cursor.attach(client, bufnr)
  else
    view.detach(client, bufnr)
    cursor.detach(bufnr)
  end
end

--- Neovim's own inline completion where there is one.
---@return instant.View
function M._view()
  return require(vim.lsp.inline_completion and 'instant.native' or 'instant.ghost')
end

---@class instant.View
---@field attach fun(client: vim.lsp.Client, bufnr: integer)
---@field detach fun(client: vim.lsp.Client, bufnr: integer)
---@field take fun(part: instant.Part): boolean
---@field dismiss fun(): boolean

--- Maps `key` in insert mode to `M[name]`. With nothing shown the key does what it did before.
---@param key string
---@param name string
function M._map(key, name)
  local fallback = ('<Plug>(instant-%s-fallback)'):format(name)
  local desc = 'instant-lsp: ' .. name
  local before = vim.fn.maparg(key, 'i', false, true)
  if next(before) and before.buffer == 0 and before.desc ~= desc then
    before.lhs, before.lhsraw, before.lhsrawalt = fallback, vim.keycode(fallback), nil
    vim.fn.mapset(before)
  elseif vim.fn.maparg(fallback, 'i') == '' then
    vim.keymap.set('i', fallback, key)
  end
  vim.keymap.set('i', key, function()
    return M[name]() and '' or fallback
  end, { expr = true, remap = true, desc = desc })
end

return M

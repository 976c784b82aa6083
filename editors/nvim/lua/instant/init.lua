--- What a user's configuration calls: owns the options and the keys; knows nothing of how ghost text is shown.
--- Loads nothing, neither of this plugin nor of Neovim's LSP client, before a file is opened.

local M = {}

---@class instant.Keymaps
---@field accept? string|false     default `<Tab>`
---@field dismiss? string|false    default `<C-]>`
---@field accept_word? string|false
---@field accept_line? string|false
---@field next? string|false
---@field previous? string|false

---@class instant.Options
---@field cmd? string[]            the server's command line; default `{ 'instant-lsp', 'serve' }`
---@field settings? table          the server's options, for example `{ endpoint = { instant = { url = '…' } } }`
---@field keymaps? instant.Keymaps `false` for a key leaves it alone

---@type instant.Keymaps
local default_keymaps = {
  accept = '<Tab>',
  dismiss = '<C-]>',
  accept_word = false,
  accept_line = false,
  next = false,
  previous = false,
}

---@return instant.View
local function view()
  return require('instant.views').view()
end

--- Sets the keys, and starts the server with the first file that is opened.
---@param opts? instant.Options
function M.setup(opts)
  opts = opts or {}
  if M._is_called_by_project() then
    vim.notify_once(
      'instant-lsp: cmd and settings of a project are left out; see |instant-project|',
      vim.log.levels.WARN
    )
  else
    M._settings = opts.settings or vim.empty_dict()
    M._cmd = opts.cmd
  end
  M._enable_when_needed()
  for name, key in pairs(vim.tbl_extend('force', default_keymaps, opts.keymaps or {})) do
    if key then
      M._map(key, name)
    end
  end
end

--- Gives the server the settings of setup() and no others: those of a project may not name an endpoint.
---@param params lsp.InitializeParams
---@param config vim.lsp.ClientConfig
function M._give_settings(params, config)
  local trusted = type(params.initializationOptions) == 'table' and params.initializationOptions.trusted
    or nil
  params.initializationOptions = vim.tbl_extend('force', M._settings or {}, { trusted = trusted })
  config.settings = { instant = M._settings }
end

--- Starts the server for open and future files: what setup() leaves to the first file.
function M.enable()
  if M._cmd then
    vim.lsp.config('instant', { cmd = M._cmd })
  end
  vim.lsp.enable('instant')
end

--- Whether setup() was called by the user's own configuration.
---@return boolean
function M.is_set_up()
  return M._settings ~= nil
end

--- Neovim's LSP client takes 20 ms to load: at start-up that is left to the first file.
function M._enable_when_needed()
  if vim.v.vim_did_enter == 1 then
    M.enable()
    return
  end
  vim.api.nvim_create_autocmd('FileType', {
    group = vim.api.nvim_create_augroup('instant.setup', {}),
    once = true,
    callback = vim.schedule_wrap(function()
      if vim.v.vim_did_enter == 1 then
        M.enable()
      else
        vim.api.nvim_create_autocmd('VimEnter', { once = true, callback = M.enable })
      end
    end),
  })
end

--- Whether this runs because a file of the opened project has called, which 'exrc' allows.
---@return boolean
function M._is_called_by_project()
  local sources = { vim.fn.expand('<script>') }
  for level = 2, 40 do
    local called = debug.getinfo(level, 'S')
    sources[#sources + 1] = called and called.source
  end
  for _, source in ipairs(sources) do
    local name = source:match('[^/\\@]*$')
    if name == '.nvim.lua' or name == '.nvimrc' or name == '.exrc' then
      return true
    end
  end
  return false
end

--- Puts the shown completion into the buffer. Like its sisters, false when none is shown, so that a
--- mapping can fall back; the buffer changes after the mapping has returned.
---@return boolean
function M.accept()
  return view().take(require('instant.edit').whole)
end

---@return boolean
function M.accept_word()
  return view().take(require('instant.edit').first_word)
end

---@return boolean
function M.accept_line()
  return view().take(require('instant.edit').first_line)
end

--- Hides the shown completion until the text or the cursor changes.
---@return boolean
function M.dismiss()
  return view().dismiss()
end

--- Shows another completion in place of the shown one; the first time the server is asked for others.
---@return boolean
function M.next()
  return view().cycle(1)
end

---@return boolean
function M.previous()
  return view().cycle(-1)
end

--- More of the shown completion has come: asks again, if the cursor is still there.
---@param client_id integer
---@param uri string
function M._refresh(client_id, uri)
  local client, bufnr = vim.lsp.get_client_by_id(client_id), vim.api.nvim_get_current_buf()
  if client and vim.uri_from_bufnr(bufnr) == uri then
    view().refresh(client, bufnr)
  end
end

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

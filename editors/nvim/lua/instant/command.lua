--- The subcommands of `:Instant`.

local M = {}

---@type table<string, fun()>
local subcommands = {
  enable = function()
    vim.lsp.enable('instant')
  end,
  disable = function()
    vim.lsp.enable('instant', false)
  end,
  restart = function()
    vim.lsp.enable('instant', false)
    vim.lsp.enable('instant')
  end,
  status = function()
    local status = require('instant.status').get()
    local text = status and ('%s: %s'):format(status.state, status.message)
      or 'no server is attached to this buffer; :checkhealth instant says why'
    vim.api.nvim_echo({ { 'instant-lsp: ' .. text } }, true, {})
  end,
  log = function()
    vim.cmd.tabedit(vim.fn.fnameescape(vim.lsp.log.get_filename()))
  end,
}

--- Turns the thinking tier on or off, and says what holds now.
function M.toggle_thinking()
  local client = vim.lsp.get_clients({ name = 'instant' })[1]
  if not client then
    vim.notify('instant-lsp: no server is running; :checkhealth instant says why', vim.log.levels.WARN)
    return
  end
  local params = { command = 'instant.toggleThinking', arguments = {} }
  client:request('workspace/executeCommand', params, function(err, told)
    vim.api.nvim_echo({ { 'instant-lsp: ' .. (err and err.message or told) } }, true, {})
  end)
end

--- Opens the report of the last days in the browser.
---@param days integer? how many; as many as the server thinks right where nothing is given
function M.report(days)
  local client = vim.lsp.get_clients({ name = 'instant' })[1]
  if not client then
    vim.notify('instant-lsp: no server is running; :checkhealth instant says why', vim.log.levels.WARN)
    return
  end
  local params = { command = 'instant.report', arguments = { days } }
  client:request('workspace/executeCommand', params, function(err, told)
    local message = err and err.message or told.message
    if not message then
      local _, failed = vim.ui.open(told.path)
      message = failed and ('the report is ' .. told.path)
    end
    if message then
      vim.api.nvim_echo({ { 'instant-lsp: ' .. message } }, true, {})
    end
  end)
end

---@param name string
function M.run(name)
  local run = subcommands[name]
  if run then
    run()
  else
    local names = table.concat(M.complete(''), ', ')
    vim.notify(('Instant: %q is none of %s'):format(name, names), vim.log.levels.ERROR)
  end
end

---@param lead string
---@return string[]
function M.complete(lead)
  local names = vim.tbl_filter(function(name)
    return vim.startswith(name, lead)
  end, vim.tbl_keys(subcommands))
  table.sort(names)
  return names
end

return M

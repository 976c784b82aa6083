--- `:checkhealth instant`: says what is wrong and what to do about it.

local status = require('instant.status')

local M = {}

local ANSWER_MS = 5000
local DOCTOR_MS = 120000 -- a slow model reads a prompt and answers

function M.check()
  vim.health.start('instant-lsp')
  M._check_neovim()
  if require('instant').is_set_up() then
    require('instant').enable() -- no file may have been opened yet
  end
  if not M._check_command() then
    return
  end
  local client = vim.lsp.get_clients({ name = 'instant' })[1]
  M._check_client(client)
  if client then
    M._check_endpoint(client)
    M._examine(client)
  end
end

function M._check_neovim()
  local now = vim.version()
  local version = ('%d.%d.%d'):format(now.major, now.minor, now.patch)
  if vim.fn.has('nvim-0.11') == 0 then
    vim.health.error(('Neovim %s is too old'):format(version), 'Install Neovim 0.11 or later')
  elseif vim.lsp.inline_completion then
    vim.health.ok(('Neovim %s, with its own inline completion'):format(version))
  else
    vim.health.ok(('Neovim %s, with the ghost text of this plugin'):format(version))
  end
end

---@return boolean is_found
function M._check_command()
  local config = vim.lsp.config.instant
  local program = config and type(config.cmd) == 'table' and config.cmd[1] or 'instant-lsp'
  local path = vim.fn.exepath(program)
  if path == '' then
    vim.health.error(('The server is not installed: %s is not found'):format(program), {
      'Install it: pipx install instant-lsp (or pip install instant-lsp)',
      "Or say where it is: require('instant').setup({ cmd = { '/path/to/instant-lsp', 'serve' } })",
    })
    return false
  end
  vim.health.ok(('The server is found: %s'):format(path))
  if not vim.lsp.is_enabled('instant') then
    vim.health.warn('The server is not enabled', { "Call require('instant').setup()", 'Or :Instant enable' })
  end
  return true
end

---@param client? vim.lsp.Client
function M._check_client(client)
  if not client then
    vim.health.warn('No server is running', 'Open a file, then see :Instant log if none starts')
    return
  end
  local version = client.server_info and client.server_info.version or 'of unknown version'
  local n_buffers = vim.tbl_count(client.attached_buffers)
  vim.health.ok(('instant-lsp %s is attached to %d buffer(s)'):format(version, n_buffers))
  if not client.server_capabilities.inlineCompletionProvider then
    vim.health.error('The server offers no inline completion', 'Upgrade it: pipx upgrade instant-lsp')
  end
end

---@param client vim.lsp.Client
function M._check_endpoint(client)
  local answer, fault = status.ask(client, ANSWER_MS)
  if not answer then
    vim.health.error(('The server does not tell its status: %s'):format(fault), ':Instant restart')
  elseif answer.state == 'ready' then
    vim.health.ok(('The endpoint is ready: tier %s, model %s'):format(answer.tier, answer.model))
  elseif answer.state == 'starting' then
    vim.health.info(('The endpoint is starting: %s'):format(answer.message))
  else
    vim.health.warn(('The endpoint is %s: %s'):format(answer.state, answer.message))
  end
end

---@param client vim.lsp.Client
function M._examine(client)
  local findings, fault = require('instant.doctor').ask(client, DOCTOR_MS)
  if not findings then
    vim.health.warn(('The doctor has found nothing: %s'):format(fault))
    return
  end
  local area
  for _, one in ipairs(findings) do
    if one.area ~= area then
      area = one.area
      vim.health.start('instant-lsp: ' .. area)
    end
    local text, todo = ('%s: %s'):format(one.check, one.found), one.todo ~= '' and one.todo or nil
    if one.state == 'failed' then
      vim.health.error(text, todo)
    elseif one.state == 'warning' then
      vim.health.warn(text, todo)
    elseif one.state == 'skipped' then
      vim.health.info(text)
    else
      vim.health.ok(text)
    end
  end
end

return M

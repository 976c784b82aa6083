--- The subcommands of `:Instant`: what each one is called and takes; what it does is elsewhere.

local M = {}

---@class instant.Call
---@field args string[]                what follows the subcommand
---@field bang boolean                 whether the thinking model is asked for this once
---@field line1? integer               1-based, where a range was given
---@field line2? integer               1-based and included
---@field tier? 'thinking'             by the bang

---@class instant.Subcommand
---@field run fun(call: instant.Call)
---@field choices? string[]            what may follow it

local SNOOZE_MINUTES = 15

---@type table<string, instant.Subcommand>
local subcommands = {
  enable = {
    run = function()
      require('instant').enable()
    end,
  },
  disable = {
    run = function()
      vim.lsp.enable('instant', false)
    end,
  },
  restart = {
    run = function()
      vim.lsp.enable('instant', false)
      require('instant').enable()
    end,
  },
  snooze = {
    choices = { '5', '15', '60' },
    run = function(call)
      local minutes = tonumber(call.args[1] or SNOOZE_MINUTES)
      if not minutes or minutes <= 0 then
        M._refuse(('%q is no number of minutes'):format(call.args[1]))
        return
      end
      require('instant.pause').snooze(minutes)
      M._tell_pause()
    end,
  },
  resume = {
    run = function()
      require('instant.pause').resume()
      M._tell_pause()
    end,
  },
  language = {
    choices = { 'off', 'on' },
    run = function(call)
      if not vim.list_contains({ 'off', 'on' }, call.args[1]) then
        M._refuse('language is followed by off or on')
        return
      end
      require('instant.pause').language(vim.bo.filetype, call.args[1] == 'off')
      M._tell_pause()
    end,
  },
  explain = {
    run = function(call)
      require('instant.explain').run({ line1 = call.line1, line2 = call.line2, tier = call.tier })
    end,
  },
  fix = {
    run = function(call)
      require('instant.fix').run({ line1 = call.line1, line2 = call.line2 })
    end,
  },
  tests = {
    run = function(call)
      require('instant.tests').run({ tier = call.tier })
    end,
  },
  thinking = {
    run = function()
      M._ask('instant.toggleThinking', {}, require('instant.ask').tell)
    end,
  },
  context = {
    run = function()
      M._show_context()
    end,
  },
  doctor = {
    run = function()
      require('instant.doctor').open()
    end,
  },
  report = {
    choices = { '7', '30' },
    run = function(call)
      M._ask('instant.report', { tonumber(call.args[1]) }, M._open_report)
    end,
  },
  status = {
    run = function()
      require('instant.ask').tell(require('instant.status').sentence())
    end,
  },
  log = {
    run = function()
      vim.cmd.tabedit(vim.fn.fnameescape(vim.lsp.log.get_filename()))
    end,
  },
}

--- Runs what follows `:Instant`.
---@param call vim.api.keyset.create_user_command.command_args
function M.run(call)
  local args = vim.list_slice(call.fargs, 2)
  local subcommand = subcommands[call.fargs[1]]
  if not subcommand then
    M._refuse(('%q is none of %s'):format(call.fargs[1], table.concat(M._names(), ', ')))
    return
  end
  subcommand.run({
    args = args,
    bang = call.bang,
    tier = call.bang and 'thinking' or nil,
    line1 = call.range > 0 and call.line1 or nil,
    line2 = call.range > 0 and call.line2 or nil,
  })
end

--- What may stand at the end of a command line, as |:command-completion-customlist| has it.
---@param lead string
---@param line string
---@return string[]
function M.complete(lead, line)
  local words = vim.split(line, '%s+', { trimempty = true })
  local first = line:find('Instant!?%s+%S+%s') and words[2] or nil
  local subcommand = first and subcommands[first]
  local names = first and (subcommand and subcommand.choices or {}) or M._names()
  return vim.tbl_filter(function(name)
    return vim.startswith(name, lead)
  end, names)
end

---@return string[]
function M._names()
  local names = vim.tbl_keys(subcommands)
  table.sort(names)
  return names
end

---@param command string
---@param arguments any[]
---@param answered fun(result: any)
function M._ask(command, arguments, answered)
  local ask = require('instant.ask')
  local client = ask.client()
  if client then
    ask.run(client, command, arguments, answered)
  end
end

--- Opens the report in the browser.
---@param told { message?: string, path: string }
function M._open_report(told)
  local message = told.message
  if not message then
    local _, failed = vim.ui.open(told.path)
    message = failed and ('the report is ' .. told.path)
  end
  if message then
    require('instant.ask').tell(message)
  end
end

--- Shows what would be sent for a completion at the cursor.
function M._show_context()
  local ask = require('instant.ask')
  local bufnr = vim.api.nvim_get_current_buf()
  local client = ask.client(bufnr)
  if not client then
    return
  end
  local position = vim.lsp.util.make_position_params(0, client.offset_encoding).position
  ask.run(client, 'instant.showContext', { vim.uri_from_bufnr(bufnr), position }, function(shown)
    if shown and shown ~= vim.NIL then
      ask.show(shown.markdown)
    else
      ask.tell('nothing of this file is sent')
    end
  end)
end

function M._tell_pause()
  local reason = require('instant.pause').reason(vim.api.nvim_get_current_buf())
  require('instant.ask').tell('completions are ' .. (reason or 'on'))
end

---@param text string
function M._refuse(text)
  vim.notify('Instant: ' .. text, vim.log.levels.ERROR)
end

return M

--- The only file read at start-up; everything else is loaded when it is first needed.

if vim.g.loaded_instant then
  return
end
vim.g.loaded_instant = true

vim.api.nvim_create_user_command('Instant', function(call)
  require('instant.command').run(call.args)
end, {
  nargs = 1,
  complete = function(lead)
    return require('instant.command').complete(lead)
  end,
  desc = 'instant-lsp: enable, disable, restart, status, log',
})

vim.api.nvim_create_user_command('InstantExplain', function(call)
  local lines = call.range > 0 and { line1 = call.line1, line2 = call.line2 } or {}
  lines.tier = call.bang and 'thinking' or nil
  require('instant.explain').run(lines)
end, { range = true, bang = true, desc = 'instant-lsp: explain the lines, or what the cursor stands in' })

vim.api.nvim_create_user_command('InstantTests', function(call)
  require('instant.tests').run({ tier = call.bang and 'thinking' or nil })
end, { bang = true, desc = 'instant-lsp: generate tests for what the cursor stands in' })

vim.api.nvim_create_user_command('InstantThinking', function()
  require('instant.command').toggle_thinking()
end, { desc = 'instant-lsp: turn the thinking model on or off' })

vim.api.nvim_create_user_command('InstantReport', function(call)
  require('instant.command').report(tonumber(call.args))
end, { nargs = '?', desc = 'instant-lsp: latency, acceptance, tokens and errors of the last days, in the browser' })

vim.api.nvim_create_user_command('InstantDoctor', function()
  require('instant.doctor').open()
end, { desc = 'instant-lsp: check settings, network, token, model and audit trail, and say what to do' })

vim.api.nvim_create_autocmd({ 'LspAttach', 'LspDetach' }, {
  group = vim.api.nvim_create_augroup('instant', {}),
  callback = function(event)
    local client = vim.lsp.get_client_by_id(event.data.client_id)
    if client and client.name == 'instant' then
      require('instant').follow(event.event, client, event.buf)
    end
  end,
})

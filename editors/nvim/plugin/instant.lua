--- The only file read at start-up; everything else is loaded when it is first needed.

if vim.g.loaded_instant then
  return
end
vim.g.loaded_instant = true

vim.api.nvim_create_user_command('Instant', function(call)
  require('instant.command').run(call)
end, {
  nargs = '+',
  bang = true,
  range = true,
  complete = function(lead, line)
    return require('instant.command').complete(lead, line)
  end,
  desc = 'instant-lsp: explain, fix, tests, snooze, status and more',
})

for name, subcommand in pairs({ InstantExplain = 'explain', InstantTests = 'tests', InstantThinking = 'thinking' }) do
  vim.api.nvim_create_user_command(name, function(call)
    require('instant.command').run(vim.tbl_extend('force', call, { fargs = { subcommand } }))
  end, { bang = true, range = true, desc = 'instant-lsp: the same as :Instant ' .. subcommand })
end

vim.api.nvim_create_autocmd({ 'LspAttach', 'LspDetach' }, {
  group = vim.api.nvim_create_augroup('instant', {}),
  callback = function(event)
    local client = vim.lsp.get_client_by_id(event.data.client_id)
    if client and client.name == 'instant' then
      require('instant.views').follow(event.event, client, event.buf)
    end
  end,
})

--- How the server is started for `vim.lsp.enable('instant')`; knows nothing of what it answers.

---@type vim.lsp.Config
return {
  cmd = { 'instant-lsp', 'serve' },
  -- No `filetypes`: the server completes in every language. Only real files are attached, because the
  -- server decides by the file's name what must never be sent.
  root_dir = function(bufnr, on_dir)
    local name = vim.api.nvim_buf_get_name(bufnr)
    if name ~= '' and not name:find('^%a[%w+.-]*://') then
      on_dir(vim.fs.root(bufnr, { '.git', '.hg', '.svn' }))
    end
  end,
  capabilities = { textDocument = { inlineCompletion = { dynamicRegistration = false } } },
  handlers = {
    ['instant/status'] = function(_, status, ctx)
      require('instant.status').receive(ctx.client_id, status)
    end,
  },
}

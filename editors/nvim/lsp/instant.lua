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
  capabilities = {
    textDocument = { inlineCompletion = { dynamicRegistration = false } },
    -- Neovim refuses edits of a version that the buffer no longer has, but does not say so.
    workspace = { workspaceEdit = { documentChanges = true } },
    -- What setup() was given, and no exrc file: see lua/instant/init.lua.
    experimental = { instantDiagnostics = true, instantRefresh = true, instantUserSettings = true },
  },
  before_init = function(params, config)
    require('instant')._give_settings(params, config)
  end,
  on_init = function(client)
    client.settings = client.config.settings
  end,
  handlers = {
    ['$/progress'] = function(err, params, ctx)
      if not require('instant.explain').receive(params) then
        return vim.lsp.handlers['$/progress'](err, params, ctx)
      end
    end,
    ['instant/diagnostics'] = function(_, params)
      return require('instant.diagnostics').within(params)
    end,
    ['instant/refreshCompletion'] = function(_, params, ctx)
      require('instant')._refresh(ctx.client_id, params.textDocument.uri)
    end,
    ['instant/status'] = function(_, status, ctx)
      require('instant.status').receive(ctx.client_id, status)
    end,
  },
  commands = {
    ['instant.explain'] = function(command, ctx)
      require('instant.explain').ask(assert(vim.lsp.get_client_by_id(ctx.client_id)), command.arguments[1])
    end,
  },
}

--- Tells the server what any tool reports in a range: Neovim itself passes on with a code action only what the asked
--- server has reported.

local M = {}

--- The buffer's LSP diagnostics in a range; those of plugins that are no language servers are put into LSP's form.
---@param params { textDocument: lsp.TextDocumentIdentifier, range: lsp.Range }
---@return lsp.Diagnostic[]
function M.within(params)
  local bufnr = vim.uri_to_bufnr(params.textDocument.uri)
  local client = vim.lsp.get_clients({ name = 'instant', bufnr = bufnr })[1]
  if not client then
    return {}
  end
  local first, last = params.range.start.line, params.range['end'].line
  return vim
    .iter(vim.diagnostic.get(bufnr))
    :filter(function(diagnostic)
      return diagnostic.lnum <= last and (diagnostic.end_lnum or diagnostic.lnum) >= first
    end)
    :map(function(diagnostic)
      return M._to_lsp(diagnostic, bufnr, client.offset_encoding)
    end)
    :totable()
end

--- Neovim's columns are bytes, and what another server said is in that server's encoding: so places come from Neovim.
---@param diagnostic vim.Diagnostic
---@param bufnr integer
---@param encoding string
---@return lsp.Diagnostic
function M._to_lsp(diagnostic, bufnr, encoding)
  local said = vim.tbl_get(diagnostic, 'user_data', 'lsp') or {}
  return {
    range = {
      start = M._position(bufnr, diagnostic.lnum, diagnostic.col, encoding),
      ['end'] = M._position(
        bufnr,
        diagnostic.end_lnum or diagnostic.lnum,
        diagnostic.end_col or diagnostic.col,
        encoding
      ),
    },
    severity = diagnostic.severity,
    message = diagnostic.message,
    source = diagnostic.source,
    code = diagnostic.code,
    relatedInformation = said.relatedInformation,
  }
end

---@param bufnr integer
---@param lnum integer
---@param col integer
---@param encoding string
---@return lsp.Position
function M._position(bufnr, lnum, col, encoding)
  local line = vim.api.nvim_buf_get_lines(bufnr, lnum, lnum + 1, false)[1] or ''
  local character = vim.str_utfindex(line, encoding, math.min(col, #line), false)
  return { line = lnum, character = character }
end

return M

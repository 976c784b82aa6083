--- Tells the server where the cursor has come to rest, so that it can prepare; what it does with that is its business.

local api = vim.api

local M = {}

local REST_MS = 100
local group = api.nvim_create_augroup('instant.cursor', {})
local timer = assert(vim.uv.new_timer())

---@param client vim.lsp.Client
---@param bufnr integer
function M.attach(client, bufnr)
  api.nvim_clear_autocmds({ group = group, buffer = bufnr })
  api.nvim_create_autocmd({ 'CursorMoved', 'InsertEnter' }, {
    group = group,
    buffer = bufnr,
    callback = function()
      timer:start(REST_MS, 0, function()
        vim.schedule(function()
          M._tell(client, bufnr)
        end)
      end)
    end,
  })
end

---@param bufnr integer
function M.detach(bufnr)
  api.nvim_clear_autocmds({ group = group, buffer = bufnr })
end

---@param client vim.lsp.Client
---@param bufnr integer
function M._tell(client, bufnr)
  if api.nvim_get_current_buf() == bufnr and not client:is_stopped() then
    client:notify('instant/didMoveCursor', vim.lsp.util.make_position_params(0, client.offset_encoding))
  end
end

return M

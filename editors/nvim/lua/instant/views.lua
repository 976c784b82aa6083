--- Which buffers show completions, and by what: Neovim's own inline completion where it has one, else the ghost text
--- of this plugin.

local api = vim.api

local M = {}

---@class instant.View
---@field attach fun(client: vim.lsp.Client, bufnr: integer)
---@field detach fun(client: vim.lsp.Client, bufnr: integer)
---@field pause fun(bufnr: integer)     shows nothing more there until it is attached again
---@field take fun(part: instant.Part): boolean
---@field cycle fun(step: integer): boolean
---@field dismiss fun(): boolean

local clients = {} ---@type table<integer, vim.lsp.Client?> by the buffer they are attached to

--- What shows completions.
---@return instant.View
function M.view()
  return require(vim.lsp.inline_completion and 'instant.native' or 'instant.ghost')
end

--- Starts or ends the showing of completions in a buffer.
---@param event 'LspAttach'|'LspDetach'
---@param client vim.lsp.Client
---@param bufnr integer
function M.follow(event, client, bufnr)
  if event == 'LspAttach' then
    clients[bufnr] = client
    M._show(client, bufnr)
  else
    clients[bufnr] = nil
    M.view().detach(client, bufnr)
    require('instant.cursor').detach(bufnr)
  end
end

---@param client vim.lsp.Client
---@param bufnr integer
function M._show(client, bufnr)
  if require('instant.pause').is_on(bufnr) then
    M.view().pause(bufnr)
    require('instant.cursor').detach(bufnr)
  else
    M.view().attach(client, bufnr)
    require('instant.cursor').attach(client, bufnr)
  end
end

require('instant.pause').on_change(function()
  for bufnr, client in pairs(clients) do
    if api.nvim_buf_is_valid(bufnr) then
      M._show(client, bufnr)
    end
  end
  api.nvim_exec_autocmds('User', { pattern = 'InstantStatus', modeline = false })
  vim.cmd.redrawstatus({ bang = true })
end)

return M

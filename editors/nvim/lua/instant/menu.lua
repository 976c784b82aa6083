--- Whether a completion menu is open, Neovim's own or a plugin's: it keeps its keys then.

local M = {}

---@return boolean
function M.is_open()
  -- A plugin that is not loaded shows nothing, and is not loaded for the question.
  local cmp, blink = package.loaded['cmp'], package.loaded['blink.cmp']
  return vim.fn.pumvisible() == 1
    or (cmp ~= nil and cmp.visible() == true)
    or (blink ~= nil and (blink.is_menu_visible or blink.is_visible)() == true)
end

return M

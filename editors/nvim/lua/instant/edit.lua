--- How a completion relates to the buffer's text: what of it is still to be typed, and how it is put in.
--- Knows nothing of requests or of drawing.

local M = {}

---@class instant.Completion
---@field client_id integer
---@field row integer        0-based line on which the range begins and ends
---@field col integer        0-based byte at which the range begins
---@field after integer      bytes of the line behind the range; typing within the range leaves them alone
---@field text string        what replaces the range, its lines ended by "\n"
---@field command? lsp.Command run by the server after the completion was accepted

--- Takes what is left of a completion and returns the beginning that is wanted.
---@alias instant.Part fun(rest: string): string

--- What of the completion is not typed yet; nil when buffer and cursor no longer agree with it.
---@param bufnr integer
---@param completion instant.Completion
---@return string? rest
---@return string? tail what stands between the cursor and the end of the range
---@return string? behind what stands behind the range on its line
function M.rest(bufnr, completion)
  local row, col = unpack(vim.api.nvim_win_get_cursor(0))
  local line = vim.api.nvim_buf_get_lines(bufnr, completion.row, completion.row + 1, false)[1]
  if not line or row - 1 ~= completion.row then
    return nil
  end
  local finish = #line - completion.after
  local typed = line:sub(completion.col + 1, col)
  if col < completion.col or col > finish or not vim.startswith(completion.text, typed) then
    return nil
  end
  local rest = completion.text:sub(#typed + 1)
  if rest == '' then
    return nil
  end
  return rest, line:sub(col + 1, finish), line:sub(finish + 1)
end

--- Puts a part of what is left into the buffer, as an undo step of its own. The server is told only
--- of a whole completion: parts it sees in the changes of the text.
---@param bufnr integer
---@param completion instant.Completion
---@param part instant.Part
function M.insert(bufnr, completion, part)
  local rest, tail = M.rest(bufnr, completion)
  if not rest or not tail then
    return
  end
  local piece = part(rest)
  local is_whole = piece == rest
  local lines = vim.split(piece, '\n', { plain = true })
  local row, col = unpack(vim.api.nvim_win_get_cursor(0))
  -- Setting this option, even to what it is, ends the undo step of what was typed before.
  vim.bo[bufnr].undolevels = vim.bo[bufnr].undolevels
  vim.api.nvim_buf_set_text(bufnr, row - 1, col, row - 1, col + (is_whole and #tail or 0), lines)
  vim.api.nvim_win_set_cursor(0, { row + #lines - 1, (#lines == 1 and col or 0) + #lines[#lines] })

  local client = vim.lsp.get_client_by_id(completion.client_id)
  if is_whole and client and completion.command then
    client:exec_cmd(completion.command, { bufnr = bufnr })
  end
end

--- Neovim's buffers hold no line ends, so those of the file are none of the text's.
---@param text string
---@return string
function M.unix_lines(text)
  return (text:gsub('\r\n?', '\n'))
end

---@type instant.Part
function M.whole(rest)
  return rest
end

--- Blanks and line ends, then one run of keyword characters or of others.
---@type instant.Part
function M.first_word(rest)
  return vim.fn.matchstr(rest, [[^\_s*\%(\k\+\|\%(\k\@!\S\)*\)]])
end

--- Up to the next line end; from a line end, it and the line that follows.
---@type instant.Part
function M.first_line(rest)
  return (rest:match('^\n*[^\n]*'))
end

return M

-- Gradients in Neovim, for nvim-dap (https://github.com/mfussenegger/nvim-dap): put this into your configuration.
-- dap.step_back() and dap.reverse_continue() go back through a pass.
local dap = require("dap")

dap.adapters.chainrule = function(callback, config)
  if config.request == "attach" then -- to: python -m autograd dap --port 5678 script.py
    callback({ type = "server", host = "127.0.0.1", port = config.port or 5678 })
  else
    callback({ type = "executable", command = config.python or "python", args = { "-m", "autograd", "dap" } })
  end
end

dap.configurations.python = dap.configurations.python or {}
vim.list_extend(dap.configurations.python, {
  { type = "chainrule", request = "launch", name = "Gradients of this file", program = "${file}", cwd = "${workspaceFolder}" },
  { type = "chainrule", request = "attach", name = "Gradients: attach at port 5678", port = 5678 },
})

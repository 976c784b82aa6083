// A developer on a machine without network, whose extension brings the server: it is installed while they look on.
//
// usage: node drive_vscode_bundled.mjs TASK.json, where the task is what vscode.py's `_task` returns.

import { closeSync, constants, openSync, readdirSync, readFileSync, writeSync } from "node:fs";

import { ghostIs, menu, picture, run, save, seen, step, task, untilStatus } from "./vscode_session.mjs";

run(async (page) => {
  await page.evaluate(noteToasts);
  await installed(page);
  await completed(page);
  await restarted(page);
  seen.toasts = await page.evaluate(() => [...window.toasts]);
});

/** Notes every notification, those that go away by themselves too. Runs in the page. */
function noteToasts() {
  window.toasts = new Set();
  const note = () => document.querySelectorAll(".notification-toast").forEach((toast) => window.toasts.add(toast.innerText));
  new MutationObserver(note).observe(document.body, { childList: true, subtree: true });
  note();
}

/** The status bar says that the server is being installed, for which Python waits until that was seen. */
async function installed(page) {
  const progress = page.locator(".statusbar-item", { hasText: "installing" });
  await progress.waitFor({ timeout: task.ready_ms });
  seen.installing = (await progress.innerText()).trim();
  seen.starting = (await page.locator("[id='instant-lsp.instant-lsp.instant.status']").innerText()).trim();
  await picture(page, "installing");
  step("the server is being installed");
  await passed(page);
  await progress.waitFor({ state: "detached", timeout: task.ready_ms });
  seen.ready = await untilStatus(page, "ready");
  seen.servers = servers().map(({ command }) => command);
}

/** Lets Python go on, as soon as it is there. */
async function passed(page) {
  for (const deadline = Date.now() + task.ready_ms; ; ) {
    try {
      const gate = openSync(task.gate, constants.O_WRONLY | constants.O_NONBLOCK);
      writeSync(gate, "\n");
      return closeSync(gate);
    } catch (error) {
      if (error.code !== "ENXIO" || Date.now() > deadline) throw error;
    }
    await page.waitForTimeout(50);
  }
}

async function completed(page) {
  await page.keyboard.press("Control+1");
  await page.keyboard.press("Control+End");
  await page.keyboard.type(task.typed);
  await ghostIs(page, task.ghost);
  await picture(page, "bundled");
  await page.keyboard.press("Tab");
  await save(page);
}

/** Whatever is installed once is found again: Python would wait for ever now. */
async function restarted(page) {
  const before = servers().map(({ pid }) => pid);
  await menu(page, "Restart Server");
  for (const deadline = Date.now() + task.ready_ms; !servers().some(({ pid }) => !before.includes(pid)); ) {
    if (Date.now() > deadline) throw new Error("the server was not started again");
    await page.waitForTimeout(50);
  }
  await untilStatus(page, "ready");
  seen.servers.push(...servers().map(({ command }) => command));
}

/** The servers that run, as the system knows them. */
function servers() {
  const pids = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  const all = pids.map((pid) => ({ pid, command: commandLine(pid) }));
  return all.filter(({ command }) => command.includes("serve") && command.includes("--stdio"));
}

/** Empty for a process that has ended meanwhile. */
function commandLine(pid) {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0").slice(0, -1);
  } catch {
    return [];
  }
}

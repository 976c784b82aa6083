// A developer who types: drives VS Code by keys alone, as vscode.py asks, and writes down what a user would have seen.
//
// usage: node drive_vscode.mjs TASK.json, where the task is what vscode.py's `_task` returns.

import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { explain, ghost, menu, picture, run, seen, step, task, untilStatus } from "./vscode_session.mjs";

const GHOST = "[class*=ghost-text]";
async function missingServer(page) {
  seen.missing = await untilStatus(page, "down");
  await picture(page, "missing");
  writeFileSync(join(task.profile, "Machine", "settings.json"), JSON.stringify(task.settings));
  seen.ready = await untilStatus(page, "ready");
}

async function completeAndAccept(page) {
  await page.locator(".editor-instance .view-lines").first().click();
  for (const key of task.keys) await page.keyboard.press(key);
  await picture(page, "open");
  await page.keyboard.type(task.typed);
  seen.ghost = await untilGhost(page);
  await picture(page, "ghost");
  await page.keyboard.press("Tab");
  await page.waitForFunction(holds, { text: seen.ghost.split("\n")[0].trim(), ghost: GHOST });
  await picture(page, "accepted");
  await page.keyboard.press("Control+S");
  await page.locator(".tab.active:not(.dirty)").waitFor();
  step("accepted and saved");
}

/** Opens the status bar item's menu and restarts the server from it. */
async function restartFromMenu(page) {
  seen.menu = await menu(page, "Restart Server");
  await untilStatus(page, "starting");
  await untilStatus(page, "ready");
}

/** Kills the server under this session's own home, and waits until the extension has started it again. */
async function crashServer(page) {
  const pids = readdirSync("/proc").filter((name) => /^\d+$/.test(name) && isOurServer(name));
  if (pids.length !== 1) throw new Error(`there are ${pids.length} servers instead of one`);
  process.kill(Number(pids[0]), "SIGKILL");
  seen.crashed = await untilStatus(page, "starting");
  await untilStatus(page, "ready");
}

function isOurServer(pid) {
  try {
    const [command, environ] = ["cmdline", "environ"].map((name) => readFileSync(`/proc/${pid}/${name}`, "utf8"));
    return command.includes("instant-lsp\0serve\0") && environ.split("\0").includes(`HOME=${process.env.HOME}`);
  } catch {
    return false; // it has ended meanwhile
  }
}

async function untilGhost(page) {
  try {
    await page.locator(GHOST).first().waitFor({ state: "attached", timeout: task.ghost_ms });
  } catch {
    throw new Error("no ghost text appeared");
  }
  step("ghost text");
  return ghost(page);
}

/** Whether the text of the editor, without its ghost text, contains `text`. Runs in the page. */
function holds({ text, ghost }) {
  const lines = document.querySelector(".editor-instance .view-lines").cloneNode(true);
  for (const node of lines.querySelectorAll(ghost)) node.remove();
  return lines.textContent.replaceAll("\u00a0", " ").includes(text);
}

run(async (page) => {
  await missingServer(page);
  await completeAndAccept(page);
  const { progress, text } = await explain(page, "instant");
  Object.assign(seen, { progress, explanation: text });
  await restartFromMenu(page);
  await crashServer(page);
});

// Drives VS Code in Chromium by keys alone, as vscode.py asks, and writes down what a user would have seen.
//
// usage: node drive_vscode.mjs TASK.json, where the task is what vscode.py's `_task` returns.

import { spawn, spawnSync } from "node:child_process";
import { openSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

const task = JSON.parse(readFileSync(process.argv[2], "utf8"));
const { chromium } = createRequire(join(task.playwright, "package.json"))("playwright-core");

const GHOST = "[class*=ghost-text]";
const CHROMIUM_FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-dev-shm-usage", "--no-first-run"];
const started = Date.now();
const seen = { notifications: [], steps: [] };

function step(name) {
  const at_s = ((Date.now() - started) / 1000).toFixed(1);
  seen.steps.push([Number(at_s), name]);
  console.log(`${at_s}s ${name}`);
}

function codeServer(...args) {
  const folders = ["--user-data-dir", task.profile, "--extensions-dir", task.extensions];
  return [task.codeServer, "--config", join(task.profile, "config.yaml"), ...folders, ...args];
}

function installExtension() {
  const done = spawnSync(process.execPath, codeServer("--install-extension", task.vsix), { encoding: "utf8" });
  if (done.status !== 0) throw new Error(`the extension does not install: ${done.stdout}${done.stderr}`);
  step("extension installed");
}

function startCodeServer() {
  const quiet = ["--disable-telemetry", "--disable-update-check", "--disable-getting-started-override"];
  const address = ["--auth", "none", "--bind-addr", `127.0.0.1:${task.port}`];
  const log = openSync(join(task.artifacts, "code-server.log"), "w");
  return spawn(process.execPath, codeServer(...address, ...quiet, "--disable-workspace-trust", task.workspace), {
    stdio: ["ignore", log, log],
  });
}

async function openWorkbench(browser) {
  const page = browser.pages()[0] ?? (await browser.newPage());
  await untilListening();
  step("code-server listens");
  await page.goto(`http://127.0.0.1:${task.port}/?folder=${task.workspace}`, { waitUntil: "domcontentloaded" });
  const row = page.locator(".explorer-folders-view .monaco-list-row", { hasText: task.file }).first();
  await row.dblclick({ timeout: 60_000 });
  await page.locator(".editor-instance .view-lines").first().waitFor();
  step("file open");
  return page;
}

async function untilListening() {
  for (const deadline = Date.now() + 60_000; Date.now() < deadline; ) {
    const answer = await fetch(`http://127.0.0.1:${task.port}/healthz`).catch(() => undefined);
    if (answer?.ok) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error("code-server does not listen; artifacts/code-server.log says why");
}

/** Waits until the status bar shows `state`, and returns what a screen reader would read out. */
async function untilStatus(page, state) {
  const item = page.locator(".statusbar-item", { hasText: "Instant:" });
  try {
    await item.filter({ hasText: `Instant: ${state}` }).waitFor({ timeout: task.ready_ms });
  } catch {
    await picture(page, "failed");
    throw new Error(`the status bar never said ${state}, but: ${await spoken(item)}`);
  }
  step(`status bar: ${state}`);
  return spoken(item);
}

async function spoken(item) {
  if ((await item.count()) === 0) return "(no item)";
  return (await item.locator("[aria-label]").first().getAttribute("aria-label")) ?? (await item.innerText());
}

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

/** Explains the function at the cursor by the command palette; the view is a Markdown preview in frames of its own. */
async function explain(page) {
  await page.keyboard.press("F1");
  await page.keyboard.type("Instant: Explain");
  await page.locator(".quick-input-list .monaco-list-row", { hasText: "Instant: Explain" }).first().waitFor();
  await page.keyboard.press("Enter");
  const progress = page.locator(".notification-toast", { hasText: "Instant" });
  await progress.first().waitFor();
  seen.progress = await progress.first().innerText();
  await picture(page, "explaining");
  seen.explanation = await untilExplained(page);
  await progress.first().waitFor({ state: "detached" });
  await picture(page, "explained");
  step("explained");
}

/** The text of the preview once it ends with the tier that answered. */
async function untilExplained(page) {
  for (const deadline = Date.now() + task.ready_ms; Date.now() < deadline; ) {
    for (const frame of page.frames().filter((one) => one !== page.mainFrame())) {
      const text = await frame.evaluate(() => document.body?.innerText ?? "").catch(() => "");
      if (text.trimEnd().endsWith("(instant)")) return text;
    }
    await page.waitForTimeout(200);
  }
  await picture(page, "failed");
  throw new Error("no explanation was shown");
}

/** Opens the status bar item's menu and restarts the server from it. */
async function restartFromMenu(page) {
  await page.locator(".statusbar-item", { hasText: "Instant:" }).click();
  const entries = page.locator(".quick-input-list .monaco-list-row .label-name");
  await entries.first().waitFor();
  seen.menu = (await entries.allInnerTexts()).map((text) => text.trim());
  await picture(page, "menu");
  await page.keyboard.type("Restart Server");
  await page.keyboard.press("Enter");
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
    await picture(page, "failed");
    throw new Error("no ghost text appeared");
  }
  step("ghost text");
  return page.evaluate(ghostText);
}

/** The ghost text, all its lines. Runs in the page. */
function ghostText() {
  const text = (nodes) => nodes.map((node) => node.textContent.replaceAll("\u00a0", " "));
  const all = (selector) => [...document.querySelectorAll(selector)];
  const firstLine = text(all(".view-lines [class*=ghost-text-decoration]")).join("");
  const below = all(".suggest-preview-text .view-line").sort((a, b) => parseInt(a.style.top) - parseInt(b.style.top));
  return [firstLine, ...text(below)].join("\n");
}

/** Whether the text of the editor, without its ghost text, contains `text`. Runs in the page. */
function holds({ text, ghost }) {
  const lines = document.querySelector(".editor-instance .view-lines").cloneNode(true);
  for (const node of lines.querySelectorAll(ghost)) node.remove();
  return lines.textContent.replaceAll("\u00a0", " ").includes(text);
}

async function picture(page, name) {
  await page.screenshot({ path: join(task.artifacts, `vscode-${name}.png`) });
}

async function main() {
  installExtension();
  const server = startCodeServer();
  const browser = await chromium.launchPersistentContext(join(task.profile, "chromium"), {
    executablePath: task.chromium,
    viewport: { width: 1100, height: 700 },
    args: CHROMIUM_FLAGS,
  });
  try {
    const page = await openWorkbench(browser);
    await missingServer(page);
    await completeAndAccept(page);
    await explain(page);
    await restartFromMenu(page);
    await crashServer(page);
    seen.notifications = await page.locator(".notification-toast").allInnerTexts();
  } finally {
    await browser.close();
    server.kill();
    writeFileSync(task.report, JSON.stringify(seen, null, 2));
  }
}

main().then(
  () => process.exit(0),
  (error) => {
    console.error(error.message);
    process.exit(1);
  },
);

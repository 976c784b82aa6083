// One session of VS Code in Chromium: owns its start and end, and the looks that every session takes; knows no feature.
//
// What a user would have seen is collected in `seen` and written down at the end, as vscode.py's `_task` asks.

import { spawn, spawnSync } from "node:child_process";
import { openSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

export const task = JSON.parse(readFileSync(process.argv[2], "utf8"));
const { chromium } = createRequire(join(task.playwright, "package.json"))("playwright-core");

const CHROMIUM_FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-dev-shm-usage", "--no-first-run"];
const started = Date.now();
export const seen = { notifications: [], steps: [] };

const running = [];

/** Starts one of the task's processes, again if it was killed. */
export function startOther(n) {
  const [program, ...args] = task.processes[n];
  running[n] = spawn(program, args, { stdio: "inherit" });
}

export function others() {
  return running;
}

/** Opens the task's file in the task's folder, runs `session` with the page, and ends the process. */
export function run(session) {
  inVSCode(session).then(
    () => process.exit(0),
    (error) => {
      console.error(error.message);
      process.exit(1);
    },
  );
}

async function inVSCode(session) {
  installExtension();
  task.processes.forEach((_, n) => startOther(n));
  const server = startCodeServer();
  const browser = await chromium.launchPersistentContext(join(task.profile, "chromium"), {
    executablePath: task.chromium,
    viewport: { width: 1100, height: 700 },
    args: CHROMIUM_FLAGS,
  });
  try {
    const page = await openWorkbench(browser);
    await session(page).catch((error) => failed(page, error));
    seen.notifications = await page.locator(".notification-toast").allInnerTexts();
  } finally {
    await browser.close();
    for (const one of [server, ...running]) one.kill();
    writeFileSync(task.report, JSON.stringify(seen, null, 2));
  }
}

/** Keeps what the user saw when it went wrong: as a picture, and what is open in words. */
async function failed(page, error) {
  const open = ".tab, .statusbar-item, .action-widget, .quick-input-widget, .monaco-hover, .notification-toast, .context-view";
  try {
    await picture(page, "failed");
    const shown = await page.locator(open).filter({ visible: true }).allInnerTexts();
    const focus = await page.evaluate(() => document.activeElement?.outerHTML.slice(0, 200));
    error.message += `\nshown: ${JSON.stringify(shown)}\nfocus: ${focus}`;
  } catch {
    // where the page is gone there is nothing to see
  }
  throw error;
}

export function step(name) {
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
  await page.goto(`http://127.0.0.1:${task.port}/?folder=${task.workspace}`, {
    waitUntil: "domcontentloaded",
    timeout: task.ready_ms,
  });
  await open(page, task.file);
  return page;
}

/** Opens a file of the folder and puts the cursor into its text. */
export async function open(page, name, text = ".editor-group-container.active .editor-instance .view-lines") {
  const row = page.locator(".explorer-folders-view .monaco-list-row", { hasText: name }).first();
  await row.dblclick({ timeout: task.ready_ms });
  await page.locator(".tab.active", { hasText: name }).first().waitFor();
  await page.locator(text).first().waitFor({ timeout: task.ready_ms });
  await page.locator(text).first().click();
  step(`${name} open`);
}

export async function save(page) {
  await page.keyboard.press("Control+S");
  await page.locator(".tab.active:not(.dirty)").first().waitFor();
}

/** Opens the status bar item's menu and chooses an entry; returns all of them. */
export async function menu(page, entry) {
  await page.locator(".statusbar-item", { hasText: "Instant:" }).click();
  const entries = page.locator(".quick-input-list .monaco-list-row .label-name");
  await entries.filter({ hasText: "Open Settings" }).first().waitFor();
  const shown = (await entries.allInnerTexts()).map((text) => text.trim());
  await picture(page, "menu");
  await page.keyboard.type(entry);
  await page.keyboard.press("Enter");
  return shown;
}

/** Waits until the ghost text is this one. */
export async function ghostIs(page, text) {
  try {
    await page.waitForFunction(`(${ghostText})() === ${JSON.stringify(text)}`, undefined, { timeout: task.ghost_ms });
  } catch {
    throw new Error(`the ghost text never was ${JSON.stringify(text)}, but: ${JSON.stringify(await ghost(page))}`);
  }
  step(`ghost text: ${text.split("\n")[0]}`);
}

export async function ghost(page) {
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

/** The lines of the editor in front, without ghost text. */
export async function lines(page) {
  return page.evaluate(() => {
    const editor = document.querySelector(".editor-group-container.active .monaco-editor.focused") ?? document.querySelector(".editor-group-container.active .monaco-editor");
    const copy = editor.querySelector(".view-lines").cloneNode(true);
    for (const node of copy.querySelectorAll("[class*=ghost-text]")) node.remove();
    const shown = [...copy.querySelectorAll(":scope > .view-line")];
    shown.sort((a, b) => parseInt(a.style.top) - parseInt(b.style.top));
    return shown.map((node) => node.textContent.replaceAll("\u00a0", " ").replaceAll("\u200c", ""));
  });
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
export async function untilStatus(page, state) {
  const item = page.locator(".statusbar-item", { hasText: "Instant:" });
  try {
    await item.filter({ hasText: `Instant: ${state}` }).waitFor({ timeout: task.ready_ms });
  } catch {
    throw new Error(`the status bar never said ${state}, but: ${await spoken(item)}`);
  }
  step(`status bar: ${state}`);
  return spoken(item);
}

async function spoken(item) {
  if ((await item.count()) === 0) return "(no item)";
  return (await item.locator("[aria-label]").first().getAttribute("aria-label")) ?? (await item.innerText());
}

/** The frame of the view of an explanation, and its text, once it ends with the tier that answered. */
export async function untilExplained(page, tier = "instant") {
  for (const deadline = Date.now() + task.ready_ms; Date.now() < deadline; ) {
    for (const frame of page.frames().filter((one) => one !== page.mainFrame())) {
      const text = await frame.evaluate(() => document.body?.innerText ?? "").catch(() => "");
      if (text.trimEnd().endsWith(`(${tier})`)) return { frame, text };
    }
    await page.waitForTimeout(200);
  }
  throw new Error("no explanation was shown");
}

/** Runs a command by the palette. */
export async function command(page, title) {
  await page.keyboard.press("F1");
  await page.locator(".quick-input-widget input").first().waitFor(); // else the editor would be given the letters
  await page.keyboard.type(title);
  await page.locator(".quick-input-list .monaco-list-row", { hasText: title }).first().waitFor();
  await page.keyboard.press("Enter");
}

/** Explains what the cursor is in; returns what the progress said, and the view with its text. */
export async function explain(page, tier) {
  await command(page, "Instant: Explain");
  const toast = page.locator(".notification-toast", { hasText: "waiting for the" });
  await toast.first().waitFor();
  const progress = await toast.first().innerText();
  await picture(page, `explaining-${tier}`);
  const view = await untilExplained(page, tier);
  await toast.first().waitFor({ state: "detached" });
  await picture(page, `explained-${tier}`);
  step(`explained by the ${tier} model`);
  return { progress, ...view };
}

export async function picture(page, name) {
  await page.screenshot({ path: join(task.artifacts, `vscode-${name}.png`) });
}

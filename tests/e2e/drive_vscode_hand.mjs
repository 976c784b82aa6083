// A developer who works all day: accepts in parts, types through, undoes, wants quiet, and loses the endpoint for a while.
//
// usage: node drive_vscode_hand.mjs TASK.json, where the task is what vscode.py's `_task` returns. What is typed and
// what the endpoint answers to it is in test_vscode_hand.py.

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { ghostIs, lines, menu, open, others, picture, run, save, seen, startOther, step, task, untilStatus } from "./vscode_session.mjs";

run(async (page) => {
  await untilStatus(page, "ready");
  await greeted(page);
  await inParts(page);
  await besideTheList(page);
  await byLines(page);
  await open(page, task.file);
  await slowly(page);
  await snoozed(page);
  await withoutEndpoint(page);
  await sent(page);
  await offHere(page);
  await offForLanguage(page);
  await save(page);
  await inTurn(page);
  await inNotebook(page);
});

/** The walkthrough lies behind the file that was opened. */
async function greeted(page) {
  const welcome = page.locator(".tab", { hasText: "Welcome" }).first();
  await welcome.waitFor();
  seen.front = (await page.locator(".tab.active").first().innerText()).replace(/\s/g, "");
  await welcome.click();
  const steps = page.locator(".gettingStartedContainer .step-title:visible");
  await steps.first().waitFor();
  seen.walkthrough = (await steps.allInnerTexts()).map((text) => text.trim());
  await picture(page, "walkthrough");
  await page.locator(".tab.active .action-label").first().click();
  await open(page, task.file);
}

/** Writes a new last line, wherever the focus was. */
async function write(page, text) {
  await page.keyboard.press("Control+1");
  await page.keyboard.press("Control+End");
  await page.keyboard.press("Enter");
  await page.keyboard.type(text);
}

/** Asks once more for a completion that must not come, and takes the line away, before it may be asked for again. */
async function erase(page) {
  await page.keyboard.press("Alt+Backslash");
  await page.keyboard.press("Control+Shift+K");
}

/** Takes a word, types through what follows, takes the rest, undoes that and takes it back. */
async function inParts(page) {
  await write(page, "result = ");
  await ghostIs(page, "alpha + beta");
  await page.keyboard.press("Control+ArrowRight");
  await ghostIs(page, " + beta");
  seen.after_word = (await lines(page)).at(-1);
  await page.keyboard.type(" +");
  await ghostIs(page, " beta");
  await picture(page, "typed-through");
  await page.keyboard.press("Tab");
  await until(page, "result = alpha + beta");
  seen.after_tab = (await lines(page)).at(-1);
  await page.keyboard.press("Control+Z");
  await until(page, "result = alpha +");
  seen.after_undo = (await lines(page)).at(-1);
  await page.keyboard.press("Escape");
  await page.keyboard.press("Control+Y");
  await until(page, "result = alpha + beta");
  step("in parts");
}

/** Has VS Code's own list of words opened beside ghost text: where both say the same, and where they do not. */
async function besideTheList(page) {
  const list = page.locator(".suggest-widget.visible");
  await write(page, "gamma = al");
  await ghostIs(page, "pha * 2");
  await openList(page, list);
  await page.keyboard.press("Tab");
  await list.waitFor({ state: "hidden" });
  await ghostIs(page, " * 2");
  seen.after_list = (await lines(page)).at(-1);
  await page.keyboard.press("Tab");
  await until(page, "gamma = alpha * 2");
  seen.after_both = (await lines(page)).at(-1);
  await write(page, "delta = al");
  await ghostIs(page, "titude");
  seen.listed = await openList(page, list);
  await ghostIs(page, "");
  await page.keyboard.press("Escape");
  await list.waitFor({ state: "hidden" });
  await ghostIs(page, "titude");
  await page.keyboard.press("Tab");
  await until(page, "delta = altitude");
  seen.after_escape = (await lines(page)).at(-1);
  step("beside the list");
}

/** Returns the words of the list; the first one is selected. */
async function openList(page, list) {
  await page.keyboard.press("Control+Space");
  await list.locator(".monaco-list-row.focused").waitFor();
  await picture(page, "list");
  return list.locator(".monaco-list-row .label-name").allInnerTexts();
}

/** Begins a function at the end of a file that has none. */
async function beginFunction(page, header) {
  await write(page, header);
  // VS Code indents the next line only where it knows the tokens of this one.
  await page.locator(".view-line span[class*=mtk]").filter({ hasText: /^def$/ }).first().waitFor();
  await page.keyboard.press("Enter");
}

/** Looks at the first line of a completion until the others are there too, and takes all of it. */
async function inTurn(page) {
  await open(page, task.in_turn);
  await beginFunction(page, "def later(prices):");
  await ghostIs(page, task.first_line);
  await picture(page, "first-line");
  await ghostIs(page, task.ghost_lines);
  await page.keyboard.press("Tab");
  await until(page, task.last_line);
  await save(page);
  seen.saved_turns = readFileSync(join(task.workspace, task.in_turn), "utf8");
  step("in turn");
}

/** Takes a completion of several lines in a file with CRLF, Chinese characters and emoji; then its first line alone. */
async function byLines(page) {
  await open(page, task.crlf);
  await beginFunction(page, "def total(prices):");
  await ghostIs(page, task.ghost_lines);
  await picture(page, "lines");
  await page.keyboard.press("Tab");
  await until(page, task.last_line);
  await save(page);
  seen.saved_lines = readFileSync(join(task.workspace, task.crlf), "utf8");
  await page.keyboard.press("Control+Z");
  await until(page, "def total(prices):");
  await page.keyboard.press("Alt+Backslash");
  await ghostIs(page, task.ghost_lines);
  await page.keyboard.press("Control+Alt+ArrowRight");
  await until(page, task.first_line);
  seen.after_line = (await lines(page)).findLast((line) => line.trim()).trim();
  await save(page);
  step("by lines");
}

/** An endpoint that takes its time is seen in the status bar. */
async function slowly(page) {
  await write(page, "patient = ");
  seen.working = await untilStatus(page, "working");
  seen.slow = await untilStatus(page, "slow");
  await picture(page, "slow");
  await ghostIs(page, "late");
  await page.keyboard.press("Escape");
  await untilStatus(page, "ready");
}

async function snoozed(page) {
  seen.menu = await menu(page, "Snooze for 5 Minutes");
  seen.snoozed = await untilStatus(page, "snoozed");
  await write(page, "asleep = ");
  await picture(page, "snoozed");
  await erase(page);
  await menu(page, "End Snooze");
  await untilStatus(page, "ready");
  await write(page, "awake = ");
  await ghostIs(page, "coffee");
  await page.keyboard.press("Tab");
}

/** The endpoint is killed, which is said with its reason, and is back. */
async function withoutEndpoint(page) {
  others()[0].kill("SIGKILL");
  await write(page, "lost = ");
  seen.down = await untilStatus(page, "down");
  await picture(page, "down");
  startOther(0);
  await untilStatus(page, "ready");
  await write(page, "found = ");
  await ghostIs(page, "again");
  await page.keyboard.press("Tab");
}

async function sent(page) {
  await menu(page, "Show What Is Sent");
  await page.locator(".tab.active", { hasText: "What Instant sends" }).first().waitFor();
  const text = page.locator(".editor-group-container.active .view-lines", { hasText: "found" }).first();
  await text.waitFor();
  seen.sent = (await text.innerText()).replaceAll("\u00a0", " ");
  await picture(page, "sent");
  await page.keyboard.press("Control+F4");
  await open(page, task.file);
}

async function offHere(page) {
  await menu(page, "Turn Off in This Folder");
  seen.off_here = await untilStatus(page, "off here");
  await write(page, "nowhere = ");
  await erase(page);
  await menu(page, "Turn On in This Folder");
  await untilStatus(page, "ready");
}

/** By the menu, which changes the settings; then the settings are changed behind VS Code's back. */
async function offForLanguage(page) {
  await menu(page, "Turn Off for python");
  seen.off_language = await untilStatus(page, "off for python");
  await picture(page, "off");
  await write(page, "silent = ");
  await erase(page);
  seen.settings = JSON.parse(readFileSync(task.machine_settings, "utf8"));
  const { "instant.completion.disabled_languages": _, ...rest } = seen.settings;
  writeFileSync(task.machine_settings, JSON.stringify(rest));
  await untilStatus(page, "ready");
  await write(page, "loud = ");
  await ghostIs(page, "speaker");
  await page.keyboard.press("Tab");
}

async function inNotebook(page) {
  await open(page, task.notebook, ".notebook-editor .monaco-editor .view-lines");
  await page.keyboard.press("Control+End");
  await page.keyboard.type(" ");
  await ghostIs(page, "plot(rows)");
  await picture(page, "notebook");
  await page.keyboard.press("Tab");
  await save(page);
  step("in a notebook");
}

/** Waits until the last line that is not empty is this one. */
async function until(page, text) {
  for (const deadline = Date.now() + task.ghost_ms; Date.now() < deadline; ) {
    if ((await lines(page)).findLast((line) => line.trim())?.trim() === text) return;
    await page.waitForTimeout(50);
  }
  throw new Error(`the last line never was ${text}, but: ${JSON.stringify(await lines(page))}`);
}

// What a click on the status bar item offers: owns the entries and their order; what they do is done elsewhere.

import { commands, l10n, type QuickPickItem, window } from "vscode";

import { isLanguageOff, SCHEMES } from "./configuration";
import { DOCTOR, EXTENSION_ID } from "./doctor";
import { TOGGLE_THINKING } from "./explain";
import type { Pause } from "./pause";
import { REPORT } from "./report";
import { SHOW_CONTEXT } from "./sent";
import type { StatusItem } from "./status";

// Not those of the server, such as "instant.explain": the client registers them by itself, and its middleware sees them.
export const OWN = {
  restart: "instant.restartServer",
  showLog: "instant.showLog",
  showMenu: "instant.showMenu",
  snooze: "instant.snooze",
  toggleLanguage: "instant.toggleLanguage",
  toggleHere: "instant.toggleHere",
  getStarted: "instant.getStarted",
} as const;

const SNOOZES_MINUTES = [5, 15, 60];

type Entry = QuickPickItem & { run: () => unknown };

export async function showMenu(status: StatusItem, pause: Pause): Promise<void> {
  await choose("Instant", status.message, [
    ...snoozes(pause),
    ...languageEntry(),
    {
      label: pause.isOffHere ? l10n.t("$(check) Turn On in This Folder") : l10n.t("$(circle-slash) Turn Off in This Folder"),
      run: () => commands.executeCommand(OWN.toggleHere),
    },
    {
      label: status.isThinking ? l10n.t("$(lightbulb) Turn Thinking Off") : l10n.t("$(lightbulb) Turn Thinking On"),
      run: () => commands.executeCommand(TOGGLE_THINKING),
    },
    { label: l10n.t("$(eye) Show What Is Sent"), run: () => commands.executeCommand(SHOW_CONTEXT) },
    { label: l10n.t("$(graph) Show Report"), run: () => commands.executeCommand(REPORT) },
    { label: l10n.t("$(pulse) Doctor"), run: () => commands.executeCommand(DOCTOR) },
    { label: l10n.t("$(refresh) Restart Server"), run: () => commands.executeCommand(OWN.restart) },
    { label: l10n.t("$(output) Show Log"), run: () => commands.executeCommand(OWN.showLog) },
    {
      label: l10n.t("$(gear) Open Settings"),
      run: () => commands.executeCommand("workbench.action.openSettings", `@ext:${EXTENSION_ID}`),
    },
  ]);
}

/** Asks how long; completions that snooze already can be had back. */
export async function askForSnooze(pause: Pause): Promise<void> {
  await choose("Instant", l10n.t("How long are completions to snooze?"), snoozes(pause));
}

/** The language of the document in front, where completions of it can be turned off. */
export function languageInFront(): string | undefined {
  const document = window.activeTextEditor?.document;
  return document !== undefined && SCHEMES.includes(document.uri.scheme) ? document.languageId : undefined;
}

function snoozes(pause: Pause): Entry[] {
  const lengths = SNOOZES_MINUTES.map((minutes) => ({
    label: l10n.t("$(bell-slash) Snooze for {0} Minutes", minutes),
    run: () => pause.snooze(minutes),
  }));
  const resume = { label: l10n.t("$(bell) End Snooze"), run: () => pause.resume() };
  return pause.snoozedUntil === undefined ? lengths : [resume, ...lengths];
}

function languageEntry(): Entry[] {
  const language = languageInFront();
  if (language === undefined) {
    return [];
  }
  const label = isLanguageOff(language)
    ? l10n.t("$(check) Turn On for {0}", language)
    : l10n.t("$(circle-slash) Turn Off for {0}", language);
  return [{ label, run: () => commands.executeCommand(OWN.toggleLanguage) }];
}

async function choose(title: string, placeHolder: string, entries: Entry[]): Promise<void> {
  const chosen = await window.showQuickPick(entries, { title, placeHolder });
  await chosen?.run();
}

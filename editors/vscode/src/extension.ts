// The extension's beginning and end: one server, one status bar item, its commands. All completion logic is the server's.

import { commands, type ExtensionContext, l10n, window, workspace } from "vscode";

import { configuredServerPath, SECTION, toggleLanguage } from "./configuration";
import { EXTENSION_ID } from "./doctor";
import { Explanations } from "./explain";
import { askForSnooze, languageInFront, OWN, showMenu } from "./menu";
import { offerPages } from "./pages";
import { Pause } from "./pause";
import { findServer } from "./server";
import { Session } from "./session";
import { StatusItem } from "./status";
import { tell } from "./telling";

const WALKTHROUGH = `${EXTENSION_ID}#instant.start`;
const WAS_STARTED = "wasStarted";

let session: Session | undefined;

export async function activate(context: ExtensionContext): Promise<void> {
  const log = window.createOutputChannel("Instant", { log: true });
  const pause = new Pause(context.workspaceState);
  const status = new StatusItem(OWN.showMenu, pause);
  const explanations = new Explanations();
  const places = { bundled: context.asAbsolutePath("bundled"), storage: context.globalStorageUri.fsPath };
  const running = new Session(() => findServer(configuredServerPath(), places), { log, status, pause, explanations });
  session = running;
  const toggleHere = async () => {
    await pause.toggleHere();
    await running.restart();
  };
  context.subscriptions.push(
    log,
    pause,
    status,
    explanations,
    offerPages(),
    commands.registerCommand(OWN.restart, () => running.restart()),
    commands.registerCommand(OWN.showLog, () => log.show()),
    commands.registerCommand(OWN.showMenu, () => showMenu(status, pause)),
    commands.registerCommand(OWN.snooze, () => askForSnooze(pause)),
    commands.registerCommand(OWN.toggleHere, toggleHere),
    commands.registerCommand(OWN.toggleLanguage, toggleLanguageInFront),
    commands.registerCommand(OWN.getStarted, () => getStarted(false)),
    pause.onDidChange(() => commands.executeCommand("editor.action.inlineSuggest.hide")),
    workspace.onDidGrantWorkspaceTrust(() => running.restart()),
    workspace.onDidChangeConfiguration((event) => {
      if (event.affectsConfiguration(SECTION)) {
        running.restartSoon();
      }
    }),
  );
  await Promise.all([running.restart(), greet(context)]);
}

export async function deactivate(): Promise<void> {
  await session?.stop();
}

/** Opens the walkthrough on the very first start, behind what is being worked on; never again. */
async function greet({ globalState }: ExtensionContext): Promise<void> {
  if (globalState.get(WAS_STARTED) !== true) {
    await globalState.update(WAS_STARTED, true);
    await getStarted(true);
  }
}

async function getStarted(inactive: boolean): Promise<void> {
  await commands.executeCommand("workbench.action.openWalkthrough", WALKTHROUGH, { toSide: false, inactive });
}

async function toggleLanguageInFront(): Promise<void> {
  const language = languageInFront();
  if (language === undefined) {
    tell(l10n.t("Open a file of the language that completions are to be turned off for."));
    return;
  }
  await toggleLanguage(language);
}

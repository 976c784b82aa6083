// The extension's beginning and end: one server, one status bar item, three commands. All completion logic is the server's.

import { commands, type Disposable, type ExtensionContext, type LogOutputChannel, type QuickPickItem, window, workspace } from "vscode";
import type { LanguageClient } from "vscode-languageclient/node";

import { createClient } from "./client";
import { configuredServerPath, SECTION } from "./configuration";
import { tellCursor } from "./cursor";
import { Explanations, TOGGLE_THINKING } from "./explain";
import { DOCTOR, offerDoctorPage } from "./doctor";
import { REPORT } from "./report";
import { findServer } from "./server";
import { StatusItem } from "./status";

// Not those of the server, such as "instant.explain": the client registers them by itself, and its middleware sees them.
const RESTART = "instant.restartServer";
const SHOW_LOG = "instant.showLog";
const SHOW_MENU = "instant.showMenu";

let session: Session | undefined;

export async function activate(context: ExtensionContext): Promise<void> {
  const log = window.createOutputChannel("Instant", { log: true });
  const status = new StatusItem(SHOW_MENU);
  const explanations = new Explanations();
  const running = new Session(log, status, explanations);
  session = running;
  context.subscriptions.push(
    log,
    status,
    explanations,
    offerDoctorPage(),
    commands.registerCommand(RESTART, () => running.restart()),
    commands.registerCommand(SHOW_LOG, () => log.show()),
    commands.registerCommand(SHOW_MENU, () => showMenu(status)),
    workspace.onDidGrantWorkspaceTrust(() => running.restart()),
    workspace.onDidChangeConfiguration((event) => {
      if (event.affectsConfiguration(SECTION)) {
        void running.restart();
      }
    }),
  );
  await running.restart();
}

export async function deactivate(): Promise<void> {
  await session?.stop();
}

/** The server's life: at most one at a time, and one restart for all that were asked for meanwhile. */
class Session {
  private client: LanguageClient | undefined;
  private cursor: Disposable | undefined;
  private last: Promise<void> = Promise.resolve();
  private nextStart: Promise<void> | undefined;

  constructor(
    private readonly log: LogOutputChannel,
    private readonly status: StatusItem,
    private readonly explanations: Explanations,
  ) {}

  restart(): Promise<void> {
    this.nextStart ??= this.queue(() => {
      this.nextStart = undefined;
      return this.startAnew();
    });
    return this.nextStart;
  }

  stop(): Promise<void> {
    return this.queue(() => this.dispose());
  }

  private queue(step: () => Promise<void>): Promise<void> {
    this.last = this.last.then(step).catch((error: unknown) => this.down(error));
    return this.last;
  }

  private async startAnew(): Promise<void> {
    await this.dispose();
    this.status.show({ state: "starting", message: "The server is starting." });
    const path = await findServer(configuredServerPath());
    const { log, explanations } = this;
    this.client = createClient(path, { log, explanations, report: (status) => this.status.show(status) });
    this.cursor = tellCursor(this.client);
    await this.client.start();
  }

  private async dispose(): Promise<void> {
    const client = this.client;
    this.client = undefined;
    this.cursor?.dispose();
    // A server that does not stop in time is killed by the client; there is nothing left to do about it.
    await client?.dispose().catch((error: unknown) => this.log.warn(String(error)));
  }

  private down(error: unknown): void {
    const message = error instanceof Error ? error.message : String(error);
    this.log.error(message);
    this.status.show({ state: "down", message });
  }
}

async function showMenu(status: StatusItem): Promise<void> {
  const entries: (QuickPickItem & { run: () => unknown })[] = [
    {
      label: `$(lightbulb) Turn Thinking ${status.isThinking ? "Off" : "On"}`,
      run: () => commands.executeCommand(TOGGLE_THINKING),
    },
    { label: "$(graph) Show Report", run: () => commands.executeCommand(REPORT) },
    { label: "$(pulse) Doctor", run: () => commands.executeCommand(DOCTOR) },
    { label: "$(refresh) Restart Server", run: () => commands.executeCommand(RESTART) },
    { label: "$(output) Show Log", run: () => commands.executeCommand(SHOW_LOG) },
    {
      label: "$(gear) Open Settings",
      run: () => commands.executeCommand("workbench.action.openSettings", "@ext:instant-lsp.instant-lsp"),
    },
  ];
  const chosen = await window.showQuickPick(entries, { title: "Instant", placeHolder: status.message });
  await chosen?.run();
}

// One running language client: how the server is started and what it may not do; knows nothing of commands or menus.

import { homedir } from "node:os";
import { Disposable, l10n, LogLevel, type LogOutputChannel, workspace } from "vscode";
import {
  CloseAction,
  ErrorAction,
  type ErrorHandler,
  LanguageClient,
  type LanguageClientOptions,
  RevealOutputChannelOn,
  type ServerOptions,
  ShowMessageNotification,
  TransportKind,
} from "vscode-languageclient/node";

import { SCHEMES, SECTION, serverSettings, vouchForSettings } from "./configuration";
import { tellDiagnostics } from "./diagnostics";
import { DOCTOR, examine } from "./doctor";
import { EXPLAIN, type Explanations, TOGGLE_THINKING } from "./explain";
import { Refresh } from "./refresh";
import { REPORT, showReport } from "./report";
import type { Pause } from "./pause";
import { SHOW_CONTEXT, showContext } from "./sent";
import type { StatusItem } from "./status";
import { tell } from "./telling";
import { GENERATE_TESTS, generateTests } from "./tests";

const MAX_CRASHES = 5;
const CRASH_WINDOW_MS = 180_000;

/** What the client works with: `status` hears every status, `explanations` shows what is explained. */
export interface Listeners {
  log: LogOutputChannel;
  status: StatusItem;
  pause: Pause;
  explanations: Explanations;
}

/** A client for the server at `path`, not started yet. */
export function createClient(path: string, listeners: Listeners): LanguageClient {
  const server: ServerOptions = {
    command: path,
    args: ["serve"],
    transport: TransportKind.stdio, // adds --stdio
    // Never the opened folder: its files must not take part in how the server is started.
    options: { cwd: homedir() },
  };
  const refresh = new Refresh();
  const options = clientOptions(listeners, refresh, () => client);
  const client: QuietClient = new QuietClient(SECTION, "Instant", server, options);
  client.onNotification("instant/status", (status) => listeners.status.show(status));
  client.onNotification(ShowMessageNotification.type, ({ message }) => tell(message));
  tellDiagnostics(client);
  refresh.listenTo(client);
  vouchForSettings(client);
  return client;
}

function clientOptions(listeners: Listeners, refresh: Refresh, client: () => LanguageClient): LanguageClientOptions {
  const { log, status, pause, explanations } = listeners;
  const settings = () => serverSettings(pause.isOffHere);
  return {
    documentSelector: SCHEMES.map((scheme) => ({ scheme })),
    // Never a setting: a workspace's settings may come from the workspace.
    initializationOptions: { ...settings(), trusted: workspace.isTrusted },
    initializationFailedHandler: () => false,
    outputChannel: log,
    traceOutputChannel: untraced(log),
    revealOutputChannelOn: RevealOutputChannelOn.Never,
    errorHandler: restartAfterCrash(status),
    middleware: {
      provideInlineCompletionItems: (document, position, context, token, next) =>
        pause.isOn
          ? undefined
          : status.waiting.during(
              Promise.resolve(next(document, position, refresh.asking(document, position, context), token)),
            ),
      provideCompletionItem: (document, position, context, token, next) =>
        pause.isOn ? undefined : next(document, position, context, token),
      executeCommand: async (command, args, next) => {
        if (command === EXPLAIN) {
          return explanations.run(client(), args[0]);
        }
        if (command === GENERATE_TESTS) {
          return generateTests(client(), args[0]);
        }
        if (command === DOCTOR) {
          return examine((asker) => next(command, [asker]));
        }
        if (command === SHOW_CONTEXT) {
          return showContext(client(), (place) => next(command, place));
        }
        const result: unknown = await next(command, args);
        if (command === TOGGLE_THINKING) {
          tell(String(result));
        }
        if (command === REPORT) {
          await showReport(result);
        }
        return result;
      },
      window: {
        showDocument: async (params, token, next) => {
          const success = explanations.showDocument(params.uri);
          return success === undefined ? next(params, token) : { success };
        },
      },
      workspace: {
        configuration: (params, token, next) =>
          params.items.every((item) => item.section === SECTION)
            ? params.items.map(settings)
            : next(params, token),
      },
    },
  };
}

/** Restarts a crashed server, unless it keeps crashing. Says so in the status bar, never in a pop-up. */
function restartAfterCrash(status: StatusItem): ErrorHandler {
  let crashes: number[] = [];
  return {
    error: () => ({ action: ErrorAction.Continue, handled: true }),
    closed: () => {
      const now = Date.now();
      crashes = [...crashes.filter((at) => now - at < CRASH_WINDOW_MS), now];
      if (crashes.length < MAX_CRASHES) {
        status.show({ state: "starting", message: l10n.t("The server stopped and is being restarted.") });
        return { action: CloseAction.Restart, handled: true };
      }
      const message = l10n.t(
        'The server stopped {0} times in three minutes. The log says why; then run "Instant: Restart Server".',
        MAX_CRASHES,
      );
      status.show({ state: "down", message });
      return { action: CloseAction.DoNotRestart, message, handled: true };
    },
  };
}

/** The stock client without its pop-ups: the status bar and the log say what is wrong. */
class QuietClient extends LanguageClient {
  override error(message: string, data?: unknown): void {
    super.error(message, data, false);
  }
}

/** The log as seen by the client's tracing, which writes message bodies, and so source text: never at trace level. */
function untraced(log: LogOutputChannel): LogOutputChannel {
  return Object.create(log, {
    logLevel: { value: LogLevel.Info },
    onDidChangeLogLevel: { value: () => new Disposable(() => undefined) },
  }) as LogOutputChannel;
}

// Explanations on demand: asks the server for one and fills the view while it streams, with progress that can be cancelled.

import { CancellationTokenSource, type Disposable, l10n, ProgressLocation, window } from "vscode";
import { ExecuteCommandRequest, type LanguageClient, ProgressType, WorkDoneProgress } from "vscode-languageclient/node";

import { ExplanationView } from "./explanationView";
import { tell } from "./telling";

export const EXPLAIN = "instant.explain";
export const TOGGLE_THINKING = "instant.toggleThinking";

/** What the server's command takes; the rest of it the server has put into a code action. */
interface Asked {
  uri: string;
  range: unknown;
  workDoneToken?: string;
  partialResultToken?: string;
}

interface Explained {
  text: string;
  places?: string[];
}

export class Explanations implements Disposable {
  private readonly view = new ExplanationView();
  private nAsked = 0;

  dispose(): void {
    this.view.dispose();
  }

  /** Explains what a code action carries, else what is selected in the editor; a newer one takes the older one's place. */
  async run(client: LanguageClient, given: unknown): Promise<void> {
    const asked = (given as Asked | undefined) ?? selected(client);
    if (asked === undefined) {
      tell(l10n.t("Open a file and put the cursor into what is to be explained."));
      return;
    }
    const n = ++this.nAsked;
    this.view.open();
    const options = { location: ProgressLocation.Notification, title: "Instant", cancellable: true };
    await window.withProgress(options, async (progress, cancelled) => {
      const workDoneToken = `instant.explain.${n}`;
      const partialResultToken = `${workDoneToken}.part`;
      const stopped = new CancellationTokenSource();
      const heard = [
        stopped,
        cancelled.onCancellationRequested(() => stopped.cancel()),
        this.view.onDidClose(() => stopped.cancel()),
        client.onProgress(new ProgressType<Explained>(), partialResultToken, (part) => this.show(n, part)),
        client.onProgress(WorkDoneProgress.type, workDoneToken, (value) => {
          if (value.kind !== "end" && value.message !== undefined) {
            progress.report({ message: value.message });
          }
        }),
      ];
      const params = { command: EXPLAIN, arguments: [{ ...asked, workDoneToken, partialResultToken }] };
      try {
        const result = (await client.sendRequest(ExecuteCommandRequest.type, params, stopped.token)) as Explained;
        this.show(n, result);
      } catch (error) {
        if (!stopped.token.isCancellationRequested) {
          this.show(n, { text: error instanceof Error ? error.message : String(error) });
        }
      } finally {
        heard.forEach((one) => one.dispose());
      }
    });
  }

  private show(n: number, { text, places }: Explained): void {
    if (n === this.nAsked) {
      void this.view.show(text, places);
    }
  }
}

function selected(client: LanguageClient): Asked | undefined {
  const editor = window.activeTextEditor;
  return (
    editor && {
      uri: client.code2ProtocolConverter.asUri(editor.document.uri),
      range: client.code2ProtocolConverter.asRange(editor.selection),
    }
  );
}

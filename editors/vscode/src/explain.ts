// Shows explanations: one Markdown document that fills while the server streams, with progress that can be cancelled.

import {
  commands,
  type Disposable,
  EventEmitter,
  ProgressLocation,
  type TextDocumentContentProvider,
  Uri,
  window,
  workspace,
} from "vscode";
import { ExecuteCommandRequest, type LanguageClient, ProgressType, WorkDoneProgress } from "vscode-languageclient/node";

export const EXPLAIN = "instant.explain";
export const TOGGLE_THINKING = "instant.toggleThinking";

const SCHEME = "instant-explanation";
const VIEW = Uri.from({ scheme: SCHEME, path: "Explanation.md" });

/** What the server's command takes; the rest of it the server has put into a code action. */
interface Asked {
  uri: string;
  range: unknown;
  workDoneToken?: string;
  partialResultToken?: string;
}

interface Explained {
  text: string;
}

export class Explanations implements TextDocumentContentProvider, Disposable {
  private readonly changed = new EventEmitter<Uri>();
  private text = "";
  private nAsked = 0;

  readonly onDidChange = this.changed.event;
  // After `onDidChange`, which is looked up at once.
  private readonly registered = workspace.registerTextDocumentContentProvider(SCHEME, this);

  provideTextDocumentContent(): string {
    return this.text;
  }

  dispose(): void {
    this.registered.dispose();
    this.changed.dispose();
  }

  /** Explains what a code action carries, else what is selected in the editor; a newer one takes the older one's place. */
  async run(client: LanguageClient, given: unknown): Promise<void> {
    const asked = (given as Asked | undefined) ?? selected(client);
    if (asked === undefined) {
      void window.showInformationMessage("Open a file and put the cursor into what is to be explained.");
      return;
    }
    const n = ++this.nAsked;
    this.show(n, "");
    await commands.executeCommand("markdown.showPreviewToSide", VIEW);
    const options = { location: ProgressLocation.Notification, title: "Instant", cancellable: true };
    await window.withProgress(options, async (progress, cancelled) => {
      const workDoneToken = `instant.explain.${n}`;
      const partialResultToken = `${workDoneToken}.part`;
      const heard = [
        client.onProgress(new ProgressType<Explained>(), partialResultToken, ({ text }) => this.show(n, text)),
        client.onProgress(WorkDoneProgress.type, workDoneToken, (value) => {
          if (value.kind !== "end" && value.message !== undefined) {
            progress.report({ message: value.message });
          }
        }),
      ];
      const params = { command: EXPLAIN, arguments: [{ ...asked, workDoneToken, partialResultToken }] };
      try {
        const result = (await client.sendRequest(ExecuteCommandRequest.type, params, cancelled)) as Explained;
        this.show(n, result.text);
      } catch (error) {
        if (!cancelled.isCancellationRequested) {
          this.show(n, error instanceof Error ? error.message : String(error));
        }
      } finally {
        heard.forEach((one) => one.dispose());
      }
    });
  }

  private show(n: number, text: string): void {
    if (n === this.nAsked) {
      this.text = text;
      this.changed.fire(VIEW);
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

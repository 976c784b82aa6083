// Explanations on demand: asks the server for one and fills the view while it streams; a newer one stops the older one.

import { CancellationTokenSource, type Disposable, l10n } from "vscode";
import { type LanguageClient, ProgressType } from "vscode-languageclient/node";

import { ask, type Place, selected } from "./asking";
import { ExplanationView } from "./explanationView";
import { tell } from "./telling";

export const EXPLAIN = "instant.explain";
export const TOGGLE_THINKING = "instant.toggleThinking";

/** What the server is told to show: a document that exists in the view alone. */
const DOCUMENT = "instant-explanation:Explanation.md";

interface Explained {
  text: string;
  places?: string[];
}

export class Explanations implements Disposable {
  private readonly view = new ExplanationView();
  private readonly closed = this.view.onDidClose(() => this.running.cancel());
  private running = new CancellationTokenSource();
  private nAsked = 0;

  dispose(): void {
    this.running.cancel();
    this.closed.dispose();
    this.view.dispose();
  }

  /** Opens the view where it is its document that the server asks for. */
  showDocument(uri: string): boolean {
    const isOurs = uri === DOCUMENT;
    if (isOurs) {
      this.view.open();
    }
    return isOurs;
  }

  /** Explains what a code action carries, else what is selected in the editor. */
  async run(client: LanguageClient, given: unknown): Promise<void> {
    const place = (given as Place | undefined) ?? selected(client);
    if (place === undefined) {
      tell(l10n.t("Open a file and put the cursor into what is to be explained."));
      return;
    }
    this.running.cancel();
    const { token } = (this.running = new CancellationTokenSource());
    const show = ({ text, places }: Explained) => {
      if (!token.isCancellationRequested) {
        void this.view.show(text, places);
      }
    };
    const workDoneToken = `${EXPLAIN}.${++this.nAsked}`;
    const partialResultToken = `${workDoneToken}.part`;
    const heard = client.onProgress(new ProgressType<Explained>(), partialResultToken, show);
    try {
      const asked = { ...place, partialResultToken, document: DOCUMENT };
      const explained = await ask<Explained>(client, EXPLAIN, asked, workDoneToken, token);
      if (explained !== undefined) {
        show(explained);
      }
    } catch (error) {
      tell(error instanceof Error ? error.message : String(error));
    } finally {
      heard.dispose();
    }
  }
}

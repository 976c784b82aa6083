// Explanations on demand: asks the server for one and fills the view while it streams; a newer one stops the older one.

import { CancellationTokenSource, type Disposable, l10n } from "vscode";
import { type LanguageClient, ProgressType } from "vscode-languageclient/node";

import { ask, type Place, selected } from "./asking";
import { ExplanationView } from "./explanationView";
import { tell } from "./telling";

export const EXPLAIN = "instant.explain";
export const TOGGLE_THINKING = "instant.toggleThinking";

/** Of what the server is told to show: documents that exist in the view alone. */
const SCHEME = "instant-explanation:";

interface Explained {
  text: string;
  places?: string[];
}

export class Explanations implements Disposable {
  private readonly view = new ExplanationView();
  private readonly closed = this.view.onDidClose(() => this.running.cancel());
  private running = new CancellationTokenSource();
  private nAsked = 0;
  private opened = "";

  dispose(): void {
    this.running.cancel();
    this.closed.dispose();
    this.view.dispose();
  }

  /** Opens the view for the newest explanation, if it is still wanted; undefined for any other document. */
  showDocument(uri: string): boolean | undefined {
    if (!uri.startsWith(SCHEME)) {
      return undefined;
    }
    const isWanted = uri === this.document() && !this.running.token.isCancellationRequested;
    if (isWanted) {
      this.view.open();
      this.opened = uri;
    }
    return isWanted;
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
      const asked = { ...place, partialResultToken, document: this.document() };
      const explained = await ask<Explained>(client, EXPLAIN, asked, workDoneToken, token);
      if (explained !== undefined) {
        show(explained);
      }
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error);
      if (this.opened === this.document()) {
        show({ text });
      } else {
        tell(text);
      }
    } finally {
      heard.dispose();
    }
  }

  /** The newest explanation's. */
  private document(): string {
    return `${SCHEME}Explanation.md?${this.nAsked}`;
  }
}

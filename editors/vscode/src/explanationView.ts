// The panel that shows an explanation: owns what its page may do, which is to be read and to open a place in a file.

import { randomBytes } from "node:crypto";
import { commands, type Disposable, EventEmitter, Range, Uri, ViewColumn, type WebviewPanel, window } from "vscode";

/** A link to a file, which VS Code's Markdown refuses to be one. */
const PLACE = /\]\((file:\/\/[^()\s]+)#L(\d+)\)/g;

interface Place {
  uri: Uri;
  line: number;
}

type Heard = { ready: true } | { place: number };

export class ExplanationView implements Disposable {
  private readonly closed = new EventEmitter<void>();
  private panel: WebviewPanel | undefined;
  private places: Place[] = [];
  private html = "";
  private nShown = 0;

  /** The user has closed it. */
  readonly onDidClose = this.closed.event;

  dispose(): void {
    this.panel?.dispose();
    this.closed.dispose();
  }

  /** Brings it to the front, empty; one goes on typing where one was. */
  open(): void {
    if (this.panel === undefined) {
      const options = { enableScripts: true, enableForms: false, enableFindWidget: true, localResourceRoots: [] };
      const where = { viewColumn: ViewColumn.Beside, preserveFocus: true };
      this.panel = window.createWebviewPanel("instant.explanation", "Explanation", where, options);
      this.panel.onDidDispose(() => {
        this.panel = undefined;
        this.closed.fire();
      });
      this.panel.webview.onDidReceiveMessage((heard: Heard) => this.hear(heard));
      this.panel.webview.html = page(randomBytes(16).toString("base64"));
    } else {
      this.panel.reveal(undefined, true);
    }
    void this.show("");
  }

  /** Shows all of this Markdown, whose links lead to `addresses` alone; of several at the same time the last one stays. */
  async show(markdown: string, addresses: readonly string[] = []): Promise<void> {
    const n = ++this.nShown;
    const places: Place[] = [];
    const text = markdown.replace(PLACE, (link: string, uri: string, line: string) => {
      if (!addresses.includes(`${uri}#L${line}`)) {
        return link;
      }
      places.push({ uri: Uri.parse(uri, true), line: Number(line) - 1 });
      return `](#place-${places.length - 1})`;
    });
    const html = await rendered(text);
    if (n === this.nShown) {
      this.places = places;
      this.html = html;
      this.tell();
    }
  }

  private tell(): void {
    void this.panel?.webview.postMessage({ html: this.html });
  }

  private hear(heard: Heard): void {
    const place = "place" in heard ? this.places[heard.place] : undefined;
    if (place !== undefined) {
      const selection = new Range(place.line, 0, place.line, 0);
      void window.showTextDocument(place.uri, { selection, viewColumn: ViewColumn.One });
    } else if ("ready" in heard) {
      this.tell();
    }
  }
}

async function rendered(markdown: string): Promise<string> {
  try {
    return await commands.executeCommand<string>("markdown.api.render", markdown);
  } catch {
    // VS Code's own Markdown support can be turned off.
    return `<pre>${markdown.replace(/&/g, "&amp;").replace(/</g, "&lt;")}</pre>`;
  }
}

/** A page that loads nothing from anywhere and follows no link but those to the places it is told of. */
function page(nonce: string): string {
  return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="UTF-8">
<meta http-equiv="Content-Security-Policy"
  content="default-src 'none'; style-src 'nonce-${nonce}'; script-src 'nonce-${nonce}'">
<style nonce="${nonce}">
  body { font-size: 14px; line-height: 1.6; padding: 0 2em 1em; }
  code { font-family: var(--vscode-editor-font-family); }
  pre { background: var(--vscode-textCodeBlock-background); overflow: auto; padding: 1em; }
  pre code { background: none; }
</style>
</head>
<body>
<main></main>
<script nonce="${nonce}">
  const editor = acquireVsCodeApi();
  window.addEventListener("message", ({ data }) => {
    document.querySelector("main").innerHTML = data.html;
  });
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a");
    if (link === null) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    const place = /^#place-(\\d+)$/.exec(link.getAttribute("href") ?? "");
    if (place !== null) editor.postMessage({ place: Number(place[1]) });
  }, true);
  editor.postMessage({ ready: true });
</script>
</body>
</html>`;
}

// The server's life: at most one at a time, and one restart for all that were asked for meanwhile.

import type { Disposable } from "vscode";
import type { LanguageClient } from "vscode-languageclient/node";

import { createClient, type Listeners } from "./client";
import { tellCursor } from "./cursor";

/** Settings are often changed several at a time, and typed letter by letter. */
const SETTLED_MS = 500;

export class Session {
  private client: LanguageClient | undefined;
  private cursor: Disposable | undefined;
  private last: Promise<void> = Promise.resolve();
  private nextStart: Promise<void> | undefined;
  private settling: NodeJS.Timeout | undefined;

  /** `find` gives the path of the server's program, and may take a while. */
  constructor(
    private readonly find: () => Promise<string>,
    private readonly listeners: Listeners,
  ) {}

  restart(): Promise<void> {
    clearTimeout(this.settling);
    this.nextStart ??= this.queue(() => {
      this.nextStart = undefined;
      return this.startAnew();
    });
    return this.nextStart;
  }

  /** Restarts once for all changes of a moment. */
  restartSoon(): void {
    clearTimeout(this.settling);
    this.settling = setTimeout(() => void this.restart(), SETTLED_MS);
  }

  stop(): Promise<void> {
    clearTimeout(this.settling);
    return this.queue(() => this.dispose());
  }

  private queue(step: () => Promise<void>): Promise<void> {
    this.last = this.last.then(step).catch((error: unknown) => this.down(error));
    return this.last;
  }

  private async startAnew(): Promise<void> {
    await this.dispose();
    const { status, pause } = this.listeners;
    status.starting();
    this.client = createClient(await this.find(), this.listeners);
    this.cursor = tellCursor(this.client, () => pause.isOn);
    await this.client.start();
  }

  private async dispose(): Promise<void> {
    const client = this.client;
    this.client = undefined;
    this.cursor?.dispose();
    // A server that does not stop in time is killed by the client; there is nothing left to do about it.
    await client?.dispose().catch((error: unknown) => this.listeners.log.warn(String(error)));
  }

  private down(error: unknown): void {
    const message = error instanceof Error ? error.message : String(error);
    this.listeners.log.error(message);
    this.listeners.status.show({ state: "down", message });
  }
}

// Where the developer wants no completions for now: owns the snooze and the switch of the opened folder, not the settings.

import { type Disposable, EventEmitter, type Memento } from "vscode";

const OFF_HERE = "offHere";

export class Pause implements Disposable {
  private readonly changed = new EventEmitter<void>();
  private timer: NodeJS.Timeout | undefined;
  private end: Date | undefined;

  /** A snooze began or ended. */
  readonly onDidChange = this.changed.event;

  /** `memory` is the opened folder's own, and the user's: nothing in the folder's files can write it. */
  constructor(private readonly memory: Memento) {}

  dispose(): void {
    clearTimeout(this.timer);
    this.changed.dispose();
  }

  /** When the snooze ends; undefined while there is none. */
  get snoozedUntil(): Date | undefined {
    return this.end;
  }

  get isOffHere(): boolean {
    return this.memory.get(OFF_HERE, false);
  }

  /** Whether completions are off for now, whatever the settings say. */
  get isOn(): boolean {
    return this.end !== undefined || this.isOffHere;
  }

  snooze(minutes: number): void {
    const length_ms = minutes * 60_000;
    clearTimeout(this.timer);
    this.end = new Date(Date.now() + length_ms);
    this.timer = setTimeout(() => this.resume(), length_ms);
    this.changed.fire();
  }

  resume(): void {
    clearTimeout(this.timer);
    this.end = undefined;
    this.changed.fire();
  }

  async toggleHere(): Promise<void> {
    await this.memory.update(OFF_HERE, !this.isOffHere);
  }
}

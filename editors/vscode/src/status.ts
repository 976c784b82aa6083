// The status bar item: shows the last status it was given, in words and by icon, and has commands hidden that it lacks.

import { commands, type Disposable, StatusBarAlignment, type StatusBarItem, ThemeColor, window } from "vscode";

/** What the server sends with `instant/status`. `message` is a whole sentence that says what to do. */
export interface Status {
  state: "ready" | "starting" | "off" | "down";
  message: string;
  tier?: string;
  model?: string;
  /** What the developer's role includes and the settings leave on; nothing is hidden where the server has not said. */
  features?: string[];
}

const HIDEABLE = ["explain", "tests"];

const ICONS: Record<Status["state"], string> = {
  ready: "$(zap)",
  starting: "$(loading~spin)",
  off: "$(circle-slash)",
  down: "$(warning)",
};

export class StatusItem implements Disposable {
  private readonly item: StatusBarItem;
  private status: Status = { state: "starting", message: "The server is starting." };

  constructor(command: string) {
    this.item = window.createStatusBarItem("instant.status", StatusBarAlignment.Right, 90);
    this.item.name = "Instant";
    this.item.command = command;
    this.show(this.status);
    this.item.show();
  }

  get message(): string {
    return this.status.message;
  }

  get isThinking(): boolean {
    return this.status.tier === "thinking";
  }

  show(status: Status): void {
    this.status = status;
    for (const feature of HIDEABLE) {
      const isLacking = status.features !== undefined && !status.features.includes(feature);
      void commands.executeCommand("setContext", `instant.lacks.${feature}`, isLacking);
    }
    const label = `Instant: ${status.state}${this.isThinking ? " (thinking)" : ""}`;
    this.item.text = `${ICONS[status.state]} ${label}`;
    this.item.tooltip = [status.message, served(status)].filter(Boolean).join("\n");
    this.item.backgroundColor = status.state === "down" ? new ThemeColor("statusBarItem.warningBackground") : undefined;
    this.item.accessibilityInformation = { label: `${label}. ${status.message}` };
  }

  dispose(): void {
    this.item.dispose();
  }
}

function served(status: Status): string {
  return status.model ? `${status.model} (${status.tier ?? "instant"})` : "";
}

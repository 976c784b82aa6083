// The status bar item: shows in words and by icon what the server said last, and what holds for the editor in front.

import {
  commands,
  Disposable,
  l10n,
  StatusBarAlignment,
  type StatusBarItem,
  ThemeColor,
  window,
} from "vscode";

import type { Pause } from "./pause";
import { Waiting } from "./waiting";

/** What the server sends with `instant/status`. `message` is a whole sentence that says what to do. */
export interface Status {
  state: "ready" | "starting" | "off" | "down";
  message: string;
  tier?: string;
  model?: string;
  /** What the developer's role includes and the settings leave on; nothing is hidden where the server has not said. */
  features?: string[];
  /** Languages without completions. */
  off_languages?: string[];
}

/** What is shown: `state` is one or two words, `message` whole sentences. */
interface Shown {
  icon: string;
  state: string;
  message: string;
}

const HIDEABLE = ["explain", "tests"];
const ICONS = { ready: "$(zap)", starting: "$(loading~spin)", off: "$(circle-slash)", down: "$(warning)" };

export class StatusItem implements Disposable {
  readonly waiting = new Waiting(() => this.draw());
  private readonly item: StatusBarItem;
  private readonly watched: Disposable;
  private status: Status = { state: "starting", message: "" };

  constructor(
    command: string,
    private readonly pause: Pause,
  ) {
    this.item = window.createStatusBarItem("instant.status", StatusBarAlignment.Right, 90);
    this.item.name = "Instant";
    this.item.command = command;
    this.watched = Disposable.from(
      window.onDidChangeActiveTextEditor(() => this.draw()),
      pause.onDidChange(() => this.draw()),
    );
    this.starting();
    this.item.show();
  }

  get message(): string {
    return this.shown().message;
  }

  get isThinking(): boolean {
    return this.status.tier === "thinking";
  }

  starting(): void {
    this.show({ state: "starting", message: l10n.t("The server is starting.") });
  }

  show(status: Status): void {
    this.status = status;
    for (const feature of HIDEABLE) {
      const isLacking = status.features !== undefined && !status.features.includes(feature);
      void commands.executeCommand("setContext", `instant.lacks.${feature}`, isLacking);
    }
    this.draw();
  }

  dispose(): void {
    this.watched.dispose();
    this.item.dispose();
  }

  private draw(): void {
    const { icon, state, message } = this.shown();
    const label = `Instant: ${state}${this.isThinking ? ` (${l10n.t("thinking")})` : ""}`;
    this.item.text = `${icon} ${label}`;
    this.item.tooltip = [message, served(this.status)].filter(Boolean).join("\n");
    const isDown = this.status.state === "down";
    this.item.backgroundColor = isDown ? new ThemeColor("statusBarItem.warningBackground") : undefined;
    this.item.accessibilityInformation = { label: `${label}. ${message}` };
  }

  private shown(): Shown {
    return this.trouble() ?? this.paused() ?? this.atWork() ?? this.plain();
  }

  private trouble(): Shown | undefined {
    return this.status.state === "ready" ? undefined : this.plain();
  }

  private plain(): Shown {
    const { state, message } = this.status;
    const words = {
      ready: l10n.t("ready"),
      starting: l10n.t("starting"),
      off: l10n.t("off"),
      down: l10n.t("down"),
    };
    return { icon: ICONS[state], state: words[state], message };
  }

  /** Why there are no completions in the editor in front, where somebody wants that. */
  private paused(): Shown | undefined {
    const { snoozedUntil, isOffHere } = this.pause;
    if (snoozedUntil !== undefined) {
      const time = snoozedUntil.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
      const message = l10n.t("No completions until {0}.", time);
      return { icon: "$(bell-slash)", state: l10n.t("snoozed until {0}", time), message };
    }
    if (isOffHere) {
      const message = l10n.t("You have turned completions off in this folder.");
      return { icon: ICONS.off, state: l10n.t("off here"), message };
    }
    const language = window.activeTextEditor?.document.languageId;
    if (language !== undefined && this.status.off_languages?.includes(language)) {
      const message = l10n.t("The settings turn completions off for {0}.", language);
      return { icon: ICONS.off, state: l10n.t("off for {0}", language), message };
    }
    if (this.status.features?.includes("completion") === false) {
      return { icon: ICONS.off, state: l10n.t("no completions"), message: this.status.message };
    }
    return undefined;
  }

  private atWork(): Shown | undefined {
    const { message } = this.status;
    switch (this.waiting.pace) {
      case "working":
        return { icon: "$(sync~spin)", state: l10n.t("working"), message };
      case "slow":
        return {
          icon: "$(clock)",
          state: l10n.t("slow"),
          message: l10n.t("The endpoint is taking seconds to complete. {0}", message),
        };
      default:
        return undefined;
    }
  }
}

function served(status: Status): string {
  return status.model ? `${status.model} (${status.tier ?? "instant"})` : "";
}

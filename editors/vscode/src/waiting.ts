// How long the editor has been waiting for completions: owns the clocks of the requests under way, not what is shown.

export type Pace = "quick" | "working" | "slow";

const WORKING_MS = 300;
const SLOW_MS = 4_000;

export class Waiting {
  private readonly paces = new Map<symbol, Pace>();

  /** `changed` is called when `pace` may be another one. */
  constructor(private readonly changed: () => void) {}

  /** That of the slowest request; one that is answered at once is never seen. */
  get pace(): Pace {
    const paces = [...this.paces.values()];
    return paces.includes("slow") ? "slow" : paces.includes("working") ? "working" : "quick";
  }

  /** Follows one request to its end, whatever that is. */
  async during<Result>(asked: PromiseLike<Result>): Promise<Result> {
    const request = Symbol();
    const timers = [
      setTimeout(() => this.mark(request, "working"), WORKING_MS),
      setTimeout(() => this.mark(request, "slow"), SLOW_MS),
    ];
    try {
      return await asked;
    } finally {
      timers.forEach(clearTimeout);
      if (this.paces.delete(request)) {
        this.changed();
      }
    }
  }

  private mark(request: symbol, pace: Pace): void {
    this.paces.set(request, pace);
    this.changed();
  }
}

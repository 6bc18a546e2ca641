/** An error of the API: what happened and, where the server knows it, what to do next. */
export class Refusal extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly remedy: string | undefined,
  ) {
    super(message);
    this.name = 'Refusal';
  }

  static from(body: unknown, status: number): Refusal {
    const told = isObject(body) && isObject(body['error']) ? body['error'] : {};
    const text = (key: string): string | undefined => (typeof told[key] === 'string' ? told[key] : undefined);
    return new Refusal(status, text('code') ?? `http_${status}`, text('message') ?? `The server answered with status ${status}.`, text('remedy'));
  }

  /** No answer at all. */
  static unreachable(cause: unknown): Refusal {
    const refusal = new Refusal(0, 'unreachable', 'Entente cannot be reached.', 'Check that it is running and reachable from this browser.');
    refusal.cause = cause;
    return refusal;
  }

  /** Whether asking again later can help. */
  get temporary(): boolean {
    return this.status === 0 || this.status >= 500 || this.status === 429;
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

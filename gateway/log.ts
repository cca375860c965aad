/** What the gateway logs. */

/** The part of pino the gateway uses; fields hold no secrets and no amounts. */
export interface Log {
  error(fields: Readonly<Record<string, unknown>>, message: string): void;
}

/** What of an error may stand in a log: a driver's error carries rows, link keys and amounts in other properties. */
export function loggable(error: unknown): Record<string, unknown> {
  if (!(error instanceof Error)) return { error: String(error) };
  const code = 'code' in error && typeof error.code === 'string' ? error.code : undefined;
  return { error: error.message, code, stack: error.stack };
}

type Write = (fields: Record<string, unknown>, message: string) => void;

/** What the embedded server needs of a logger; a pino logger is one. */
export type EmbeddedLog = {
  readonly debug: Write;
  readonly info: Write;
  readonly warn: Write;
  readonly error: Write;
};

/** A wrong or missing environment variable; the message is one line that begins with its name. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly variable: string;

  constructor(variable: string, problem: string) {
    super(`${variable} ${problem}`);
    this.variable = variable;
  }
}

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Typed access to environment variables. Each method gives undefined for a variable that is not
 * set or empty, and throws ConfigError for a wrong value.
 */
export class EnvironmentReader {
  readonly #env: Environment;

  constructor(env: Environment) {
    this.#env = env;
  }

  error(variable: string, problem: string): ConfigError {
    return new ConfigError(variable, problem);
  }

  text(variable: string): string | undefined {
    const value = this.#env[variable]?.trim();
    return value === '' ? undefined : value;
  }

  integer(
    variable: string,
    range: { readonly min: number; readonly max: number },
  ): number | undefined {
    const text = this.text(variable);
    if (text === undefined) return undefined;
    const value = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
    if (!Number.isSafeInteger(value) || value < range.min || value > range.max) {
      throw this.error(
        variable,
        `must be a whole number from ${range.min} to ${range.max}, not ${shown(text)}`,
      );
    }
    return value;
  }

  /** A number above 0, at most 1. */
  fraction(variable: string): number | undefined {
    const text = this.text(variable);
    if (text === undefined) return undefined;
    const value = /^\d?(\.\d+)?$/.test(text) ? Number(text) : Number.NaN;
    if (!(value > 0 && value <= 1)) {
      throw this.error(variable, `must be a number above 0 and at most 1, not ${shown(text)}`);
    }
    return value;
  }

  boolean(variable: string): boolean | undefined {
    const text = this.oneOf(variable, ['true', 'false', '1', '0'] as const);
    return text === undefined ? undefined : text === 'true' || text === '1';
  }

  oneOf<Choice extends string>(variable: string, choices: readonly Choice[]): Choice | undefined {
    const text = this.text(variable);
    if (text === undefined) return undefined;
    const choice = choices.find((candidate) => candidate === text);
    if (choice === undefined) {
      throw this.error(variable, `must be one of ${choices.join(', ')}, not ${shown(text)}`);
    }
    return choice;
  }

  /** The text of a URL; a wrong one is not shown, for it may hold a password. */
  url(variable: string, protocols: readonly string[]): string | undefined {
    const text = this.text(variable);
    if (text === undefined) return undefined;
    if (!URL.canParse(text) || !protocols.includes(new URL(text).protocol)) {
      const beginnings = protocols.map((protocol) => `${protocol}//`);
      throw this.error(variable, `must be a URL that begins with ${beginnings.join(' or ')}`);
    }
    return text;
  }
}

/** Kept to one short line, whatever was given. */
function shown(text: string): string {
  return JSON.stringify(text.length > 40 ? `${text.slice(0, 40)}…` : text);
}

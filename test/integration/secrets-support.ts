/** Looks for secrets in text: a whole database as pg_dump would write it, logs, answers. */
import { Client } from 'pg';

export interface Secrets {
  /** Card numbers, digits only. */
  readonly numbers: readonly string[];
  /** Verification codes. */
  readonly codes: readonly string[];
  /** Found wherever they stand as they are. */
  readonly words: readonly string[];
}

/** So many digits from the front are as good as the number: the last four may be shown. */
const telling = 12;

/** Where a secret stands in the text, however its digits are grouped, in hex and in base64. */
export function leaksOf(text: string, { numbers, codes, words }: Secrets): string[] {
  const patterns = [
    ...numbers.flatMap((number) => {
      const digits = number.slice(0, telling);
      const grouped = new RegExp([...digits].join(String.raw`[\s._/\\-]*`));
      return [grouped, literal(hex(digits)), ...base64Of(digits).map(literal)];
    }),
    // As a word of its own: any six digits stand somewhere within longer numbers.
    ...codes.flatMap((code) => [
      new RegExp(`(?<![0-9A-Za-z.])${code}(?![0-9A-Za-z])`),
      new RegExp(String.raw`\\x${hex(code)}`),
    ]),
    ...words.map(literal),
  ];
  return patterns.flatMap((pattern) => {
    const found = pattern.exec(text);
    if (found === null) return [];
    return [text.slice(Math.max(0, found.index - 80), found.index + 80)];
  });
}

const hex = (text: string) => Buffer.from(text).toString('hex');
const literal = (text: string) => new RegExp(text.replaceAll(/[^0-9A-Za-z]/g, String.raw`\$&`));

/** The middle of its base64 at each of the three places where it may begin. */
function base64Of(digits: string): string[] {
  return ['', 'a', 'ab'].map((before) =>
    Buffer.from(`${before}${digits}`).toString('base64').replaceAll('=', '').slice(4, -2),
  );
}

/** Every row of every table of the database, the queue's too, all columns as text. */
export async function dumpOf(url: string): Promise<string> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    const { rows: tables } = await client.query<{ name: string }>(
      `SELECT format('%I.%I', table_schema, table_name) AS name FROM information_schema.tables
       WHERE table_schema NOT IN ('pg_catalog', 'information_schema') AND table_type = 'BASE TABLE'`,
    );
    const lines: string[] = [];
    for (const { name } of tables) {
      const { rows } = await client.query<{ line: string }>(
        `SELECT entry::text AS line FROM ${name} AS entry`,
      );
      lines.push(name, ...rows.map(({ line }) => line));
    }
    return lines.join('\n');
  } finally {
    await client.end();
  }
}

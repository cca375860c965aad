/** Text tables for terminals. */

export interface Column {
  readonly title: string;
  /** Numbers stand to the right, words to the left. */
  readonly align?: 'left' | 'right';
}

/** Lines of a table; columns are as wide as their widest cell. */
export function table(columns: readonly Column[], rows: readonly (readonly string[])[]): string {
  const widths = columns.map(({ title }, i) =>
    Math.max(title.length, ...rows.map((row) => (row[i] ?? '').length)),
  );
  const line = (cells: readonly string[]) =>
    columns
      .map(({ align }, i) => {
        const cell = cells[i] ?? '';
        return align === 'left' ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0);
      })
      .join('  ')
      .trimEnd();
  const rule = widths.map((width) => '─'.repeat(width)).join('──');
  return [line(columns.map(({ title }) => title)), rule, ...rows.map(line)].join('\n');
}

/** The same for Markdown. */
export function markdown(columns: readonly Column[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  const rule = line(columns.map(({ align }) => (align === 'left' ? '---' : '--:')));
  return [line(columns.map(({ title }) => title)), rule, ...rows.map(line)].join('\n');
}

/** 1234567.8 → `1,234,568`. */
export function whole(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}

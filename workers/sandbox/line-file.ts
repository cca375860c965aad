/** Lines of JSON appended to a file before anything is answered: they outlive a killed process. */
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  truncateSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';

export interface LineFile<Line> {
  /** Written before. */
  readonly lines: readonly Line[];
  /** Handed to the operating system when it returns. */
  readonly append: (line: Line) => void;
  readonly close: () => void;
}

/** A torn last line, which nobody was told of, is cut off. */
export function openLineFile<Line>(path: string): LineFile<Line> {
  mkdirSync(dirname(path), { recursive: true });
  const file = openSync(path, 'a+', 0o600);
  const text = readFileSync(path, 'utf8');
  const whole = text.slice(0, text.lastIndexOf('\n') + 1);
  if (whole.length < text.length) truncateSync(path, Buffer.byteLength(whole));
  return {
    lines: parsed(whole),
    append: (line) => void writeSync(file, `${JSON.stringify(line)}\n`),
    close: () => closeSync(file),
  };
}

/** The whole lines, for somebody beside the one who writes; none where there is no file. */
export function readLineFile<Line>(path: string): readonly Line[] {
  const text = existsSync(path) ? readFileSync(path, 'utf8') : '';
  return parsed(text.slice(0, text.lastIndexOf('\n') + 1));
}

function parsed<Line>(text: string): readonly Line[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Line);
}

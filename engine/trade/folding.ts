/** How words of types and of trades are compared: without regard to case, width and compatibility forms. Pure. (T6, T7) */

/** Nearly all words of the settings; they are folded for each page of trades. */
const ascii = /^[\0-\x7f]*$/;

/** Full case folding, as far as lower and upper case together give it, over compatibility forms: `ＴＶ` is `tv`. */
export function folded(text: string): string {
  if (ascii.test(text)) return text.toLowerCase().trim();
  return text
    .normalize('NFKC')
    .toLowerCase()
    .toUpperCase()
    .toLowerCase()
    .replaceAll('ς', 'σ')
    .normalize('NFKC')
    .trim();
}

/**
 * Columns as Postgres array literals: one parameter per column instead of one per value. Written here, because the
 * driver's own conversion looks at every element twice.
 */

/**
 * A select list that gives the arrays' elements side by side, row by row, in the order of the arrays: `types` are
 * those of $1, $2 … Measured against `FROM unnest($1, $2 …)`, which first copies every column into a store of its
 * own, it takes half the time.
 */
export function unnested(types: readonly string[], names?: readonly string[]): string {
  return types
    .map((type, i) => `unnest($${i + 1}::${type}[])${names === undefined ? '' : ` AS ${names[i]}`}`)
    .join(', ');
}

/**
 * `{1,2,NULL}` of safe integers or decimal strings. A column of nothing but NULL is `{}`: side by side with longer
 * arrays, `unnest` fills up with NULL.
 */
export function integers(values: readonly (number | string | undefined)[]): string {
  let text = '';
  let known = false;
  for (const value of values) {
    known ||= value !== undefined;
    text += value === undefined ? ',NULL' : `,${value}`;
  }
  return known ? `{${text.slice(1)}}` : '{}';
}

export function booleans(values: readonly boolean[]): string {
  let text = '';
  for (const value of values) text += value ? ',t' : ',f';
  return `{${text.slice(1)}}`;
}

/** `{"a","b",NULL}`; quotes and backslashes are escaped. A column of nothing but NULL is `{}`. */
export function texts(values: readonly (string | undefined)[]): string {
  let text = '';
  let known = false;
  for (const value of values) {
    known ||= value !== undefined;
    text += value === undefined ? ',NULL' : `,"${escaped(value)}"`;
  }
  return known ? `{${text.slice(1)}}` : '{}';
}

const special = /["\\]/;

function escaped(value: string): string {
  return special.test(value) ? value.replaceAll(/["\\]/g, '\\$&') : value;
}

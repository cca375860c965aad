/**
 * Columns as Postgres array literals for `unnest($1::bigint[], …)`: one parameter per column instead of one per value.
 * Written here, because the driver's own conversion looks at every element twice.
 */

/** `{1,2,NULL}` of safe integers or decimal strings. */
export function integers(values: readonly (number | string | undefined)[]): string {
  let text = '';
  for (const value of values) text += value === undefined ? ',NULL' : `,${value}`;
  return `{${text.slice(1)}}`;
}

export function booleans(values: readonly boolean[]): string {
  let text = '';
  for (const value of values) text += value ? ',t' : ',f';
  return `{${text.slice(1)}}`;
}

/** `{"a","b",NULL}`; quotes and backslashes are escaped. */
export function texts(values: readonly (string | undefined)[]): string {
  let text = '';
  for (const value of values) text += value === undefined ? ',NULL' : `,"${escaped(value)}"`;
  return `{${text.slice(1)}}`;
}

const special = /["\\]/;

function escaped(value: string): string {
  return special.test(value) ? value.replaceAll(/["\\]/g, '\\$&') : value;
}

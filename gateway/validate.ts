/** Runs schemas over bodies and parameters and names every offending field. */
import type { z } from 'zod';
import { codeDigits } from '../engine/limits.ts';
import type { FieldError } from './problems.ts';

/** A body: the schema for types and OpenAPI, and finer rules where one schema cannot name all. */
export interface BodySpec<T> {
  readonly schema: z.ZodType<T>;
  /** The schema to run for this body; a union would only say that no member fits. */
  readonly pick?: (raw: Readonly<Record<string, unknown>>) => z.ZodType<T>;
  /** Rules between fields; run even when single fields are wrong, so it trusts nothing. */
  readonly relate?: (raw: Readonly<Record<string, unknown>>) => readonly FieldError[];
  /** False: an empty body means `{}`, and OpenAPI says so. An empty required body names its fields. */
  readonly required: boolean;
}

export type Parameters = Readonly<Record<string, z.ZodType>>;

/** An answer stays readable however many fields are wrong. */
const errorsMax = 100;
const nameLengthMax = 100;

/** The name of a field as an answer repeats it. With so many digits it is none: somebody's number got into its place. */
export function shownName(name: string): string {
  const hasNumber = name.replaceAll(/[^0-9]/g, '').length >= codeDigits;
  return (hasNumber ? name.replaceAll(/[0-9]/g, '*') : name).slice(0, nameLengthMax);
}

function fieldName(path: readonly PropertyKey[], key?: string): string {
  let name = '';
  for (const part of key === undefined ? path : [...path, key]) {
    if (typeof part === 'number') name += `[${part}]`;
    else name += name === '' ? String(part) : `.${String(part)}`;
  }
  return name === '' ? 'body' : shownName(name);
}

/** zod's issues as field errors: the first of each field, and one for each unknown key. */
function fromIssues(issues: readonly z.core.$ZodIssue[], unknownField: string): FieldError[] {
  const found: FieldError[] = [];
  const named = new Set<string>();
  for (const issue of issues) {
    if (issue.code === 'unrecognized_keys') {
      for (const key of issue.keys) {
        found.push({ field: fieldName(issue.path, key), message: unknownField });
      }
    } else {
      const field = fieldName(issue.path);
      if (!named.has(field)) found.push({ field, message: issue.message });
      named.add(field);
    }
  }
  return found;
}

/** Cuts a very long list and says so. */
export function bounded(found: readonly FieldError[]): readonly FieldError[] {
  if (found.length <= errorsMax) return found;
  const more = found.length - errorsMax;
  return [...found.slice(0, errorsMax), { field: 'body', message: `and ${more} more errors` }];
}

/** The typed body, or adds what is wrong with it to `errors`. */
export function checkBody<T>(spec: BodySpec<T>, raw: unknown, errors: FieldError[]): T | undefined {
  if (typeof raw !== 'object' || raw === null || Array.isArray(raw)) {
    errors.push({ field: 'body', message: 'must be a JSON object' });
    return undefined;
  }
  const fields = raw as Readonly<Record<string, unknown>>;
  const result = (spec.pick?.(fields) ?? spec.schema).safeParse(fields);
  const unknownField =
    spec.pick === undefined
      ? 'is not a field of this request'
      : 'is not a field of this request, or not beside the others';
  if (!result.success) errors.push(...fromIssues(result.error.issues, unknownField));
  const related = spec.relate?.(fields) ?? [];
  errors.push(...related);
  return result.success && related.length === 0 ? result.data : undefined;
}

/**
 * Checks the declared query parameters. Others are ignored: links pass through apps that add their
 * own. A repeated one is refused, its meaning would be a guess.
 */
export function checkQuery(
  declared: Parameters,
  search: URLSearchParams,
  errors: FieldError[],
): Record<string, unknown> {
  const values: Record<string, unknown> = {};
  for (const [name, schema] of Object.entries(declared)) {
    const given = search.getAll(name);
    const first = given[0];
    if (first === undefined) continue;
    if (given.length > 1) {
      errors.push({ field: name, message: 'is given more than once' });
      continue;
    }
    const result = schema.safeParse(first);
    if (result.success) values[name] = result.data;
    else errors.push({ field: name, message: result.error.issues[0]?.message ?? 'is not valid' });
  }
  return values;
}

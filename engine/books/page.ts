/** Pages of keyset-paged lists. */

export interface Page<T> {
  readonly items: readonly T[];
  /** Opaque cursor of the next page. */
  readonly next: string | undefined;
}

/** Where a page begins and how long it is. */
export interface PageAt {
  readonly cursor: string | undefined;
  readonly limit: number;
}

/** `bad_cursor`: the cursor is none of this list's. */
export type Paged<T> = ({ readonly code: 'page' } & Page<T>) | { readonly code: 'bad_cursor' };

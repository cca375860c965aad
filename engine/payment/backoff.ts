/** The pause before the next try: twice as long each time. */
export function growing(tries: number, minMs: number, maxMs: number): number {
  return Math.min(minMs * 2 ** Math.min(Math.max(tries - 1, 0), 30), maxMs);
}

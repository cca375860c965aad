/** Randomness of the shares: a CSPRNG live, seeded in simulation. */
export interface Random {
  /** A uniform integer in 0 … bound − 1, without bias. `bound` is a safe integer ≥ 1. */
  below(bound: number): number;
}

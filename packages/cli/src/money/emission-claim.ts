/** What an account can claim of one tally. */
export interface EmissionClaim {
  readonly number: number;
  readonly units: bigint;
  /** Atomic units. */
  readonly amount: bigint;
  readonly proof: readonly Uint8Array[];
}

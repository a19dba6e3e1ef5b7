/** The part of one tally that an account can claim. */
export interface EmissionClaim {
  readonly number: number;
  readonly units: bigint;
  /** Atomic units. */
  readonly amount: bigint;
  readonly proof: readonly Uint8Array[];
}

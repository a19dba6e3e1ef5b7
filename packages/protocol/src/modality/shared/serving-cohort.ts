/** The part of a cohort's terms that an audit of its reply reads (docs/spec/cohorts.md). */
export interface ServingCohort {
  readonly orderHash: Uint8Array;
  /** In the order of their layers; the last one leads. */
  readonly members: readonly {
    readonly firstLayer: number;
    readonly layers: number;
    readonly numericClass: string;
    /** Ed25519 key of the member's roots, 32 bytes. */
    readonly sessionKey: Uint8Array;
  }[];
}

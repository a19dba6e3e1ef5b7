import type { AttestedRecord } from '@ogong/attestation/machine-check';

/** A lie about which reply a machine gave: one file each, each caught by a check of its own. */
export interface AttestationAttack {
  /** Kebab-case, unique. */
  readonly name: string;
  /** The first column of the row of docs/threats.md. */
  readonly adversary: string;
  /** The attacker's gain, in a sentence. */
  readonly aim: string;
  /** Checks of docs/spec/tee-tier.md that catch it. */
  readonly caughtBy: readonly string[];
  /** @param other a reply that the same machine gave to another order. */
  bend(honest: AttestedRecord, other: AttestedRecord): AttestedRecord;
}

import type { Testimony, TestimonyReader } from '@ogong/attestation/testimony';

/** A testimony, and who reads it: each check passes. */
export interface HonestTestimony {
  readonly testimony: Testimony;
  readonly reader: TestimonyReader;
}

/** A lie about what a server answered: one file each, each caught by a check of its own. */
export interface TestimonyAttack {
  /** Kebab-case, unique. */
  readonly name: string;
  /** The first column of the row of docs/threats.md. */
  readonly adversary: string;
  /** The attacker's gain, in a sentence. */
  readonly aim: string;
  /** The check of docs/spec/testimony.md that catches it. */
  readonly caughtBy: string;
  /** @param other a testimony of the same machine about another exchange. */
  bend(honest: HonestTestimony, other: HonestTestimony): HonestTestimony;
}

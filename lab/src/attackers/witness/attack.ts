import type { Witness, WitnessReader } from '@ogong/attestation/witness';

/** A witness, and who reads it: each check passes. */
export interface HonestWitness {
  readonly witness: Witness;
  readonly reader: WitnessReader;
}

/** A lie about what a server answered: one file each, each caught by a check of its own. */
export interface WitnessAttack {
  /** Kebab-case, unique. */
  readonly name: string;
  /** Who plays it, as the row of docs/threats.md says. */
  readonly adversary: string;
  /** What it hopes to gain, in a sentence. */
  readonly aim: string;
  /** The check of docs/spec/witness.md that catches it. */
  readonly caughtBy: string;
  /** @param other a witness of the same machine about another exchange. */
  bend(honest: HonestWitness, other: HonestWitness): HonestWitness;
}

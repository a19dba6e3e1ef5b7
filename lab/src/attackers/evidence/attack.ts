import type { EvidencePolicy, MachineEvidence } from '@ogong/attestation/evidence';

/** A machine that is what it says, and what a reader demands of it: each check passes. */
export interface HonestMachine {
  readonly evidence: MachineEvidence;
  readonly policy: EvidencePolicy;
  readonly nowMs: number;
}

/** Evidence of a lying machine, with the policy of its reader. */
export type ShownMachine = HonestMachine;

/** A lie about a machine: one file each, each caught by a check of its own. */
export interface EvidenceAttack {
  /** Kebab-case, unique. */
  readonly name: string;
  /** The first column of the row of docs/threats.md. */
  readonly adversary: string;
  /** The attacker's gain, in a sentence. */
  readonly aim: string;
  /** The check of docs/spec/machine-evidence.md that catches it. */
  readonly caughtBy: string;
  /** @returns undefined where it needs a part that this machine does not have. */
  bend(honest: HonestMachine): ShownMachine | undefined;
}

/** One byte changed. */
export function flip(bytes: Uint8Array, at: number, mask = 1): Uint8Array {
  const copy = bytes.slice();
  copy[at] = (copy[at] as number) ^ mask;
  return copy;
}

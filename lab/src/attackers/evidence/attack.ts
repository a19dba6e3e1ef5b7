import type { EvidencePolicy, MachineEvidence } from '@ogong/attestation/evidence';

/** A machine that is what it says, and what a reader demands of it: each check passes. */
export interface HonestMachine {
  readonly evidence: MachineEvidence;
  readonly policy: EvidencePolicy;
  readonly nowMs: number;
}

/** What a lying machine shows, and what its reader goes by. */
export type ShownMachine = HonestMachine;

/** A lie about a machine: one file each, each caught by a check of its own. */
export interface EvidenceAttack {
  /** Kebab-case, unique. */
  readonly name: string;
  /** Who plays it, as the row of docs/threats.md says. */
  readonly adversary: string;
  /** What it hopes to gain, in a sentence. */
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

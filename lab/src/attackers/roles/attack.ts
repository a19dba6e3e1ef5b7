import type { RoleEvidence, RoleKeys } from '@ogong/protocol/tier/attested-role';

/** What the machine of a router has shown for one epoch, as a receipt of that epoch has it: the check passes. */
export interface HonestRole {
  readonly shown: RoleKeys & RoleEvidence;
  readonly beacon: { readonly epoch: bigint; readonly value: Uint8Array };
}

/** A lie about the machine of a router: one file each, each caught by the check `router-machine`, which says why. */
export interface RoleAttack {
  /** Kebab-case, unique. */
  readonly name: string;
  /** Who plays it, as the row of docs/threats.md says. */
  readonly adversary: string;
  /** What it hopes to gain, in a sentence. */
  readonly aim: string;
  /** The check of docs/spec/machine-evidence.md that catches it. */
  readonly caughtBy: string;
  /** @param own what a machine of another router has shown for the same epoch, and has shown before it. */
  bend(honest: HonestRole, own: { readonly other: HonestRole; readonly earlier: HonestRole }): HonestRole;
}

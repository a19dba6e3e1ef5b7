import type { RoleEvidence, RoleKeys } from '@ogong/protocol/tier/attested-role';

/** Evidence of a router's machine for one epoch, as a receipt of that epoch has it: the check passes. */
export interface HonestRole {
  readonly shown: RoleKeys & RoleEvidence;
  readonly beacon: { readonly epoch: bigint; readonly value: Uint8Array };
}

/** A lie about the machine of a router: one file each, each caught by the check `router-machine`, which says why. */
export interface RoleAttack {
  /** Kebab-case, unique. */
  readonly name: string;
  /** The first column of the row of docs/threats.md. */
  readonly adversary: string;
  /** The attacker's gain, in a sentence. */
  readonly aim: string;
  /** The check of docs/spec/machine-evidence.md that catches it. */
  readonly caughtBy: string;
  /**
   * @param own evidence of the machine of another router for the same epoch, and of the same machine for an earlier
   * epoch.
   */
  bend(honest: HonestRole, own: { readonly other: HonestRole; readonly earlier: HonestRole }): HonestRole;
}

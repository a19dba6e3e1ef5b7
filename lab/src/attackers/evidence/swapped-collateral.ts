import type { EvidenceAttack } from './attack.ts';

/** Words of the vendor that are signed and of this time, in the place of others. */
export const swappedCollateral: EvidenceAttack = {
  name: 'swapped-collateral',
  adversary: 'operator with collateral of another platform',
  aim: 'hiding that its machine is outdated or revoked',
  caughtBy: 'cpu-collateral',
  bend({ evidence, policy, nowMs }) {
    const { cpu } = evidence;
    if (cpu.kind !== 'intel') return undefined;
    const told = cpu.collateral as Readonly<Record<string, unknown>>;
    const collateral = { ...told, tcb_info: told.qe_identity, tcb_info_signature: told.qe_identity_signature };
    return { evidence: { ...evidence, cpu: { ...cpu, collateral } }, policy, nowMs };
  },
};

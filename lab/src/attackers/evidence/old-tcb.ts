import type { EvidenceAttack } from './attack.ts';

/** A machine whose firmware has a hole that is known, and mended in what is newer. */
export const oldTcb: EvidenceAttack = {
  name: 'old-tcb',
  adversary: 'operator with vulnerable firmware',
  aim: 'taking keys out of the machine',
  caughtBy: 'cpu-tcb',
  bend({ evidence, policy, nowMs }) {
    if (evidence.cpu.kind === 'software') return undefined;
    // The vendor has published an update, so the policy demands more than the machine has.
    const minimumSnpTcb = { ...policy.minimumSnpTcb, snp: 255 };
    return { evidence, nowMs, policy: { ...policy, minimumSnpTcb, acceptedTcb: ['NewerThanThis'] } };
  },
};

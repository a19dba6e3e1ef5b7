import type { EvidenceAttack } from './attack.ts';
import { flip } from './attack.ts';

const FIRST_OF_NONCE = 32;

/** An earlier answer of the machine to another reader. This reader asked with its own nonce. */
export const replayedEvidence: EvidenceAttack = {
  name: 'replayed-evidence',
  adversary: 'operator with an old answer of its machine',
  aim: 'serving from a machine that has changed',
  caughtBy: 'report-data',
  bend({ evidence, policy, nowMs }) {
    const { reportData } = policy;
    return reportData && { evidence, nowMs, policy: { ...policy, reportData: flip(reportData, FIRST_OF_NONCE) } };
  },
};

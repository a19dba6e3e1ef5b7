import type { EvidenceAttack } from './attack.ts';
import { flip } from './attack.ts';

const FIRST_OF_NONCE = 32;

/** What the machine once said to somebody else. The reader asked with a nonce of its own. */
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

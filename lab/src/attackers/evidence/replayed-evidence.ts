import type { EvidenceAttack } from './attack.ts';
import { flip } from './attack.ts';

const FIRST_OF_NONCE = 32;

/** What the machine once said to somebody else. The reader asked with a nonce of its own. */
export const replayedEvidence: EvidenceAttack = {
  name: 'replayed-evidence',
  adversary: 'operator that shows what its machine once said to another question',
  aim: 'serve from a machine that is no longer what it was',
  caughtBy: 'report-data',
  bend({ evidence, policy, nowMs }) {
    const { reportData } = policy;
    return reportData && { evidence, nowMs, policy: { ...policy, reportData: flip(reportData, FIRST_OF_NONCE) } };
  },
};

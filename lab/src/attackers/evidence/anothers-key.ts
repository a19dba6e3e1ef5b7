import type { EvidenceAttack } from './attack.ts';
import { flip } from './attack.ts';

/** Good evidence of a good machine, beside keys that were not made in it. */
export const anothersKey: EvidenceAttack = {
  name: 'anothers-key',
  adversary: "operator with a good machine's evidence and its own keys",
  aim: 'reading prompts and signing replies outside the machine',
  caughtBy: 'report-data',
  bend({ evidence, policy, nowMs }) {
    const { reportData } = policy;
    return reportData && { evidence, nowMs, policy: { ...policy, reportData: flip(reportData, 0) } };
  },
};

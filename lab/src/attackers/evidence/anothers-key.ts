import type { EvidenceAttack } from './attack.ts';
import { flip } from './attack.ts';

/** Good evidence of a good machine, beside keys that were not made in it. */
export const anothersKey: EvidenceAttack = {
  name: 'anothers-key',
  adversary: "operator that shows a good machine's evidence beside keys of its own",
  aim: 'read prompts and sign replies outside the machine',
  caughtBy: 'report-data',
  bend({ evidence, policy, nowMs }) {
    const { reportData } = policy;
    return reportData && { evidence, nowMs, policy: { ...policy, reportData: flip(reportData, 0) } };
  },
};

import { requireEvidence } from './admission.ts';
import type { Tier, TierEntry } from './tier.ts';

/** Answers of local mode (docs/spec/local-receipt.md). The network has no such tier: no order can name it, and no fee is paid for it. */
const local: Tier = {
  name: 'local',
  method: 'local-replay',
  classes: 'any',
  windows: 'draws',
  root: 'weights',
  channel: 'any',
  leavesOut: [],
  evidence: ['record', 'opening'],
  ownEvidence: [],
  admit: requireEvidence([]),
  verifierWork: ['score'],
  audit: 'texts',
  settledBy: 'nobody',
  findOutcomeProblem: () => undefined,
  describeAudit: ({ exact }) =>
    exact
      ? 'nobody signed or audited it; another run in that class can be compared bit for bit'
      : 'nobody signed or audited it; no other machine reproduces that class bit for bit',
};

export const LOCAL_TIERS: readonly TierEntry[] = [local];
export const LOCAL_POSTURE: { readonly tier: string; readonly method: string } = {
  tier: local.name,
  method: local.method,
};

import { requireEvidence } from './admission.ts';
import type { Tier, TierEntry } from './tier.ts';

/** Answers of local mode (docs/spec/local-receipt.md). The network knows no such tier: nobody can be asked for it, or paid under it. */
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
  settledBy: 'nobody',
  findOutcomeProblem: () => undefined,
  describeAudit: ({ exact }) =>
    exact
      ? 'nobody signed or audited it; whoever runs it again in that class compares bit for bit'
      : 'nobody signed or audited it; no other machine reproduces that class bit for bit',
};

export const LOCAL_TIERS: readonly TierEntry[] = [local];
export const LOCAL_POSTURE: { readonly tier: string; readonly method: string } = {
  tier: local.name,
  method: local.method,
};

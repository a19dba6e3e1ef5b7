import { requireEvidence } from './admission.ts';
import type { Tier } from './tier.ts';

/** Every draw replayed by the consumer, and an audit that compares bit for bit where it can, and by statistics elsewhere. */
export const verified: Tier = {
  name: 'verified',
  method: 'draw-replay',
  classes: 'any',
  windows: 'draws',
  root: 'weights',
  channel: 'any',
  leavesOut: [],
  evidence: ['order', 'ticket', 'record', 'beacon', 'opening'],
  ownEvidence: [],
  admit: requireEvidence([]),
  verifierWork: ['score'],
  audit: 'texts',
  settledBy: 'verdict',
  findOutcomeProblem: () => undefined,
  describeAudit: ({ exact }) =>
    exact
      ? 'an audit in that class compares bit for bit, any other statistically'
      : 'no other machine reproduces that class bit for bit: an audit compares statistically',
};

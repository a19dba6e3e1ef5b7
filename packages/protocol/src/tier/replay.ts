import { requireEvidence } from './admission.ts';
import type { Tier } from './tier.ts';

/** Bit-exact re-execution inside one numeric class, and evidence of the layer where two computations part (docs/spec/replay-tier.md). */
export const replay: Tier = {
  name: 'replay',
  method: 'exact-replay',
  classes: 'exact',
  windows: 'draws',
  root: 'weights',
  channel: 'any',
  leavesOut: [],
  evidence: ['order', 'ticket', 'record', 'beacon', 'opening'],
  ownEvidence: [],
  admit: requireEvidence([]),
  verifierWork: ['score', 'trace'],
  audit: 'texts',
  settledBy: 'verdict',
  // A provider that declares a class that nobody runs must not do better than under the weaker promise.
  findOutcomeProblem: (outcome, { exact }) =>
    outcome === 'accept' && !exact
      ? 'scores can refute a reply of tier replay but never confirm it: only an equal run in its own class can'
      : undefined,
  describeAudit: () => 'an audit accepts only what that class reproduces bit for bit',
};

import { requireEvidence } from './admission.ts';
import { proxiedPart } from './proxied.ts';
import type { Tier } from './tier.ts';

/**
 * The answer of a hosted model, requested by a confidential machine. The machine attests request and response. The vendor alone vouches for
 * the model behind its API (docs/spec/tee-tier.md#proxies).
 */
export const teeProxy: Tier = {
  name: 'tee-proxy',
  method: 'attested-exchange',
  classes: 'inexact',
  windows: 'tokens',
  root: 'name',
  channel: 'sealed',
  leavesOut: ['listing', 'draw-replay', 'shape-classes', 'links', 'projections'],
  evidence: ['order', 'ticket', 'record', 'beacon', 'opening'],
  ownEvidence: [proxiedPart],
  admit: requireEvidence([proxiedPart]),
  verifierWork: [],
  audit: 'none',
  settledBy: 'unaudited',
  findOutcomeProblem: (outcome) =>
    outcome === 'inconclusive' ? undefined : 'a reply of tier tee-proxy shows nothing that a verifier could compare',
  describeAudit: () =>
    "a machine vouches for its exchange with a hosted API, on its hardware vendor's word; only the API vendor vouches for the model; audit: none",
};

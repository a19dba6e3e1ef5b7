import { equalBytes } from '@ogong/protocol/base/bytes';
import type { ProtocolAttack } from '../attack.ts';
import { type AuditedOutcome, auditReplies, idOfPlayed, type PlayedVerifier } from '../audited-network.ts';
import { type Breaks, NO_BREAKS } from '../breaks.ts';

const HONEST: readonly PlayedVerifier[] = ['v1', 'v2', 'v3', 'v4'].map((name) => ({ name, kind: 'honest' }));

export interface LiarOutcome extends AuditedOutcome {
  /** Reports of the first key, and of the second one, that the log refutes: each costs the payee a part of its stake. */
  readonly refuted: readonly [number, number];
}

/**
 * A provider forges replies, and a verifier in league reports what was committed. Halfway its payee announces a second key, which has
 * no record yet.
 */
export const lyingVerifier: ProtocolAttack<{ readonly replies: number }, Promise<LiarOutcome>> = {
  name: 'lying-verifier',
  adversary: 'verifier in league that lies and returns under another key',
  aim: 'Have forged replies accepted at no cost, with a fresh key whenever the last one is known',
  stoppedBy: 'A refuted report stands in the log with key and payee, and the settlement takes a part of the stake',
  restarts: ['validator', 'signer', 'verifier'],
  play: async ({ replies }, breaks: Breaks = NO_BREAKS) => {
    const first: PlayedVerifier = { name: 'liar', kind: 'league', payee: 'liar' };
    const second: PlayedVerifier = { name: 'fresh', kind: 'league', payee: 'liar', from: replies / 2 };
    const outcome = await auditReplies(
      {
        verifiers: [first, second, ...HONEST],
        replies,
        sees: () => ({ promptTokenCount: 1, promptTokensHash: new Uint8Array(32).fill(1) }),
      },
      breaks,
    );
    const marks = outcome.entries.flatMap(({ verifiers }) => verifiers.filter((mark) => mark.outcome === 'refuted'));
    const countOf = ({ name }: PlayedVerifier): number =>
      marks.filter(({ verifierId }) => equalBytes(verifierId, idOfPlayed(name))).length;
    return { ...outcome, refuted: [countOf(first), countOf(second)] };
  },
};

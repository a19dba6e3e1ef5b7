import { equalBytes } from '@ogong/protocol/base/bytes';
import { auditReplies, idOfPlayed, type PlayedVerifier } from '../audited-network.ts';
import { countTexts, defineAttack } from '../define-attack.ts';

const HONEST: readonly PlayedVerifier[] = ['v1', 'v2', 'v3', 'v4'].map((name) => ({ name, kind: 'honest' }));

/**
 * A provider forges replies, and a verifier in league reports what was committed. Halfway its payee announces a second key, which has
 * no record yet.
 */
export const lyingVerifier = defineAttack({
  name: 'lying-verifier',
  adversary: 'verifier in league that lies and returns under another key',
  aim: 'Have forged replies accepted at no cost, with a fresh key whenever the last one is known',
  stoppedBy: 'A refuted report stands in the log with key and payee, and the settlement takes a part of the stake',
  restarts: ['validator', 'signer', 'verifier'],
  play: async ({ replies }: { readonly replies: number }, breaks) => {
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
    return { ...outcome, refuted: [countOf(first), countOf(second)] as const };
  },
  async stage({ play }) {
    const { entries, refuted, marked } = await play({ replies: 16 });
    const late = entries.slice(8).filter(({ verdict, feeAtomic }) => verdict !== 'reject' || feeAtomic > 0n).length;
    return {
      tried: 'reported what its provider had forged as its own finding, and announced a second key after 8 replies',
      answered: [
        ...countTexts(entries.map(({ verdict }) => `${verdict}`)),
        `the log refutes ${refuted[0]} reports of the first key, ${refuted[1]} of the second; marked: ${marked.join(', ')}`,
      ],
      money: `each refuted report costs the payee a fiftieth of its stake; ${late} forged replies were paid after the second key came`,
      worked: entries.length !== 16 || refuted.join() !== '2,0' || late > 0 || marked.join() !== 'liar',
    };
  },
});

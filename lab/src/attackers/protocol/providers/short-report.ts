import { auditReplies } from '../audited-network.ts';
import { countTexts, defineAttack } from '../define-attack.ts';

/** A verifier scores one window of each reply and says that it has no room for more. */
export const shortReport = defineAttack({
  name: 'short-report',
  adversary: 'verifier that scores only the beginning',
  aim: 'Be credited for audits of which only the beginning was computed',
  stoppedBy: 'A report shorter than the announced context is not credited; others are paid by scored tokens',
  restarts: ['validator', 'signer', 'verifier'],
  play: ({ replies, announced }: { readonly replies: number; readonly announced: number }, breaks) =>
    auditReplies(
      {
        verifiers: [
          { name: 'lazy', kind: 'honest', contextSize: announced },
          ...['v1', 'v2', 'v3'].map((name) => ({ name, kind: 'honest' as const })),
        ],
        replies,
        sees: ({ reply }, { name }) =>
          name === 'lazy' ? { contextSize: 40, windows: reply.opening.windows.slice(0, 1) } : {},
      },
      breaks,
    ),
  async stage({ play }) {
    const { entries, marked, credited } = await play({ replies: 12, announced: 4096 });
    const isMarked = marked.includes('lazy');
    return {
      tried: 'announced a context of 4096 tokens, and scored one window of each reply that it was drawn for',
      answered: [
        ...countTexts(entries.map(({ verdict }) => `${verdict}`)),
        isMarked ? 'the lazy verifier has a mark' : 'the lazy verifier has no mark',
        `credited: ${credited.join(', ')}`,
      ],
      money: `the lazy verifier was ${credited.includes('lazy') ? '' : 'never '}credited`,
      worked:
        entries.some(({ verdict }) => verdict !== 'accept') ||
        marked.join() !== 'lazy' ||
        credited.join() !== 'v1,v2,v3',
    };
  },
});

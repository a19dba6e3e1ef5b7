import { auditReplies, describeForged, isEjectedByAll, type PlayedVerifier, REPLIES } from '../audited-network.ts';
import { defineAttack } from '../define-attack.ts';

/** Once an order is admitted, prompt and reply take more than any of them has room for; one window fits. */
const VERIFIERS: readonly PlayedVerifier[] = ['v1', 'v2', 'v3', 'v4'].map((name) => ({
  ...{ name, kind: 'honest', shrinksTo: 40 },
}));

/** A provider forges replies that are longer than the context of every verifier. */
export const beyondRoom = defineAttack({
  name: 'beyond-room',
  adversary: 'provider with a reply that is too long for every verifier',
  aim: 'Sell forged replies that are too long for every verifier, so that nobody judges them',
  stoppedBy: 'A verifier scores the part that fits',
  restarts: ['validator', 'signer', 'verifier'],
  play: ({ replies }: { readonly replies: number }, breaks) =>
    auditReplies(
      {
        verifiers: VERIFIERS,
        replies,
        sees: ({ reply }) => ({
          contextSize: 40,
          windows: reply.opening.windows
            .slice(0, 1)
            .map(({ draws, sketch }) => ({ draws, sketch: sketch.map((byte, i) => (i === 8 ? byte ^ 1 : byte)) })),
        }),
      },
      breaks,
    ),
  async stage({ play }) {
    const outcome = await play({ replies: REPLIES });
    const course = describeForged(
      outcome,
      `forged ${REPLIES} replies that are longer than the context of every verifier`,
    );
    return { ...course, worked: course.worked || !isEjectedByAll(outcome) || outcome.marked.length > 0 };
  },
});

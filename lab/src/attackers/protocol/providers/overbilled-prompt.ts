import { auditReplies, describeForged, isEjectedByAll, type PlayedVerifier, REPLIES } from '../audited-network.ts';
import { defineAttack } from '../define-attack.ts';

/** No two of them share a class, so no equality holds between their values. */
const VERIFIERS: readonly PlayedVerifier[] = ['v1', 'v2', 'v3', 'v4'].map((name) => ({
  ...{ name, kind: 'honest', numericClass: `fake-${name}` },
}));

/** A provider that is the only one of its numeric class bills more prompt tokens than the request makes. */
export const overbilledPrompt = defineAttack({
  name: 'overbilled-prompt',
  adversary: 'provider that overstates its prompt',
  aim: 'Bill a longer prompt in a class of its own, where evidence is statistical and ejects nobody at once',
  stoppedBy: 'The header is compared with the context, and a lie that reports agree on is exact evidence',
  restarts: ['validator', 'signer', 'verifier'],
  play: ({ replies }: { readonly replies: number }, breaks) =>
    auditReplies(
      {
        verifiers: VERIFIERS,
        replies,
        bend: { header: (header) => ({ ...header, promptTokenCount: header.promptTokenCount + 50 }) },
        sees: ({ reply }, { numericClass = '' }) => ({
          ...{ numericClass, exact: false },
          promptTokenCount: reply.header.promptTokenCount - 50,
          // Drift between classes: all values of the reports differ from each other.
          windows: reply.opening.windows.map(({ draws, sketch }) => ({
            draws,
            sketch: sketch.map((byte, i) => (i === 8 ? byte ^ (numericClass.charCodeAt(6) & 7) : byte)),
          })),
        }),
      },
      breaks,
    ),
  async stage({ play }) {
    const outcome = await play({ replies: REPLIES });
    const course = describeForged(
      outcome,
      `billed 50 tokens more than the prompt has in ${REPLIES} replies of a class of its own`,
    );
    return { ...course, worked: course.worked || !isEjectedByAll(outcome) };
  },
});

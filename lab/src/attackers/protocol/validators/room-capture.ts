import { auditReplies, describeForged, type PlayedVerifier, REPLIES } from '../audited-network.ts';
import { defineAttack } from '../define-attack.ts';

const STAKE = 1_000_000n;
/** Once an order is admitted, honest verifiers hold the true prompt and reply, and not the prompt that the provider claims. */
const HONEST: readonly PlayedVerifier[] = ['v1', 'v2', 'v3'].map((name) => ({
  ...{ name, kind: 'honest', stake: STAKE, shrinksTo: 100 },
}));

/** A provider forges replies; its free verifier announces more room than anybody, and accepts them. */
export const roomCapture = defineAttack({
  name: 'room-capture',
  adversary: 'free verifiers that announce a large context',
  aim: 'Overstate prompts, so that only a verifier in league seems to have room for them',
  stoppedBy: 'Announced context narrows a list only if three quarters of all stake have it',
  restarts: ['validator', 'signer', 'verifier'],
  play: ({ replies }: { readonly replies: number }, breaks) =>
    auditReplies(
      {
        verifiers: [...HONEST, { name: 'league', kind: 'league', contextSize: 0xffffffff }],
        replies,
        bend: { header: (header) => ({ ...header, promptTokenCount: 100 }) },
        sees: () => ({ promptTokenCount: 8, promptTokensHash: new Uint8Array(32).fill(8) }),
      },
      breaks,
    ),
  stage: async ({ play }) =>
    describeForged(
      await play({ replies: REPLIES }),
      `forged ${REPLIES} replies, and announced a free verifier with more room than the staked ones`,
    ),
});

import { auditReplies, describeForged, type PlayedVerifier, REPLIES } from '../audited-network.ts';
import { defineAttack } from '../define-attack.ts';

const SILENT: readonly PlayedVerifier[] = ['s1', 's2', 's3', 's4', 's5', 's6'].map((name) => ({
  ...{ name, kind: 'silent' },
}));
const HONEST: readonly PlayedVerifier[] = ['v1', 'v2'].map((name) => ({ name, kind: 'honest' }));

/**
 * A provider forges replies; most of the verifiers that are drawn for them belong to it, and answer nothing. Without `others` it is
 * the only one whose model they verify.
 */
export const silentLeague = defineAttack({
  name: 'silent-league',
  adversary: 'verifiers in league that stay silent',
  aim: 'Have no verifier answer, so that nobody judges the forged reply and it is paid',
  stoppedBy:
    'The draw goes on to others in up to eight audit attempts with their own beacons; then the reply is unpaid',
  restarts: ['validator', 'signer', 'verifier'],
  play: ({ replies, others }: { readonly replies: number; readonly others: boolean }, breaks) =>
    auditReplies(
      {
        verifiers: [...SILENT, ...(others ? HONEST : [])],
        replies,
        sees: () => ({ promptTokenCount: 1, promptTokensHash: new Uint8Array(32).fill(1) }),
      },
      breaks,
    ),
  stage: async ({ play }) =>
    describeForged(
      await play({ replies: REPLIES, others: true }),
      `forged ${REPLIES} replies; 6 of the 8 verifiers are in league and answer nothing`,
    ),
});

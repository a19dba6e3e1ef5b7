import { createSeededRandom } from '@ogong/protocol/base/seeded-random';
import type { DriftPolicy } from '@ogong/protocol/verdict/drift-policy';
import { createTestPolicy, jitter, repeatHeldOut } from '@ogong/testing/validator/drift-fixture';
import { auditReplies, type PlayedVerifier } from '../audited-network.ts';
import { countTexts, defineAttack } from '../define-attack.ts';

const FAST_CLASS = 'llama.cpp-0.5.0/cpu/haswell/fast/q8_0/kv-f16';
/** Steps by which the honest verifier sees other values: too many for an accept, mostly too few for a reject. */
const DOUBTFUL = 4.3;

/** The measured drift of the honest verifier's class from the provider's class. */
function measureClasses(): { readonly drift: DriftPolicy; readonly numericClass: string } {
  const policy = repeatHeldOut(createTestPolicy(), 20);
  const rows = policy.table.rows.map((row) => ({ ...row, providerClass: FAST_CLASS }));
  return { drift: { ...policy, table: { ...policy.table, rows } }, numericClass: rows[0]?.verifierClass ?? '' };
}

/**
 * A provider sells a smaller weight type than it announces, in a class whose machines do not agree to the bit. Honest verifiers
 * of other classes are in doubt. A friend announces the provider's class, claims that it is exact, and repeats its values.
 */
export const friendInDoubt = defineAttack({
  name: 'friend-in-doubt',
  adversary: 'provider of a smaller weight type, with one verifier that claims the class of the provider',
  aim: 'Turn doubt about each reply into an accept by equality',
  stoppedBy:
    'Equality decides only in classes that are exact by their name. An accept needs as much stake as the reports in doubt',
  restarts: ['validator', 'signer', 'verifier'],
  play: ({ replies, friendStake }: { readonly replies: number; readonly friendStake?: bigint }, breaks) => {
    const { drift, numericClass } = measureClasses();
    const random = createSeededRandom(5);
    const honest: PlayedVerifier = { name: 'honest', kind: 'honest', stake: 1000n, numericClass };
    const friend: PlayedVerifier[] =
      friendStake === undefined
        ? []
        : [{ name: 'friend', kind: 'league', stake: friendStake, numericClass: FAST_CLASS }];
    return auditReplies(
      {
        ...{ verifiers: [honest, ...friend], replies, drift },
        bend: { header: (header) => ({ ...header, numericClass: FAST_CLASS }) },
        sees: ({ reply }) => ({ numericClass, exact: false, windows: jitter(reply, random, DOUBTFUL) }),
      },
      breaks,
    );
  },
  async stage({ play }) {
    const { entries } = await play({ replies: 8, friendStake: 1n });
    return {
      tried:
        'sold a smaller weight type in a class that is not exact, with a friend of one token that repeats its values',
      answered: countTexts(entries.map(({ verdict, evidence }) => `${verdict}, ${evidence} evidence`)),
      worked: entries.length !== 8 || entries.some(({ evidence }) => evidence === 'exact'),
    };
  },
});

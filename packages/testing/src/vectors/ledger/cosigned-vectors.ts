import { splitJudged, takeFromPot } from '@ogong/protocol/settlement/cosigned-pot';

/**
 * Votes of a roster's members grow from case to case, so that a test can play all of them with one set. Each batch has
 * the validators' part and its signers by place. The order of the claims follows.
 */
const POTS: readonly {
  readonly votes: readonly bigint[];
  readonly batches: readonly (readonly [judged: bigint, signers: readonly number[]])[];
  readonly claims: readonly number[];
}[] = [
  // A bond of three hundred, in one member and in three: the last claim has what rounding left.
  { votes: [300n, 100n, 100n, 100n], batches: [[2_000_005n, [0, 1, 2, 3]]], claims: [0, 1, 2, 3] },
  // One member is absent once; the claims are out of order.
  {
    votes: [300n, 100n, 200n, 100n],
    batches: [
      [1_001n, [0, 1, 2, 3]],
      [777n, [0, 2, 3]],
    ],
    claims: [2, 3, 1, 0],
  },
  // Halves of a unit and of nothing.
  {
    votes: [300n, 170n, 200n, 190n],
    batches: [
      [3n, [0, 1, 2, 3]],
      [1n, [1, 2, 3, 0]],
      [0n, [0, 2, 3]],
      [12_345_678_901_234_567n, [0, 2, 3]],
    ],
    claims: [3, 0, 2, 1],
  },
];

/** The co-signers' parts: `vectors/cosigned.json`. */
export function createCosignedVectors(): unknown {
  return POTS.map(({ votes, batches, claims }) => {
    let pot = { amount: 0n, weight: 0n };
    const own = votes.map(() => 0n);
    const split = batches.map(([judged, signers]) => {
      const { handler, others } = splitJudged(judged);
      // A batch that adds nothing to a pot counts no signatures.
      if (others > 0n) {
        for (const place of signers) own[place] = (own[place] as bigint) + (votes[place] as bigint);
        pot = {
          amount: pot.amount + others,
          weight: pot.weight + signers.reduce((sum, place) => sum + (votes[place] as bigint), 0n),
        };
      }
      return { judged: `${judged}`, signers, handler: `${handler}`, others: `${others}` };
    });
    const filled = { amount: `${pot.amount}`, weight: `${pot.weight}` };
    const parts = claims.map((member) => {
      const { part, left } = takeFromPot(pot, own[member] as bigint);
      pot = left;
      return { member, part: `${part}` };
    });
    return { votes: votes.map(String), batches: split, pot: filled, parts };
  });
}

import { createSyntheticReply } from '@ogong/testing/synthetic/synthetic-reply';
import { describe, expect, it } from 'vitest';
import { createNobleHybridSigner, createNobleLedgerSigner, nobleCrypto as crypto } from '../../../crypto/noble.ts';
import { tokenOf } from '../commitment/window.ts';
import { NAT } from '../sampling/sampler.ts';
import { replayReply } from './replay.ts';
import { checkShownLogprobs, type ShownToken } from './shown-logprobs.ts';

const reply = createSyntheticReply({
  crypto,
  provider: createNobleHybridSigner(new Uint8Array(64).fill(1)),
  payer: createNobleLedgerSigner(new Uint8Array(32).fill(2)),
  ledger: { chainId: 1n, verifyingContract: new Uint8Array(20) },
  tokens: 40,
  parameters: { temperature: 1.6, logit_bias: { 3: 8 } },
});
const { rows } = replayReply(crypto, reply.record, reply.opening);
const shown: ShownToken[] = rows.map((row) => {
  const listed = Array.from(row.ids, (id, i) => ({ id, logprob: -(row.q[i] as number) / NAT }));
  const best = [...listed].sort((a, b) => b.logprob - a.logprob);
  const q = row.rank < 0 ? (row.tailQ as number) : (row.q[row.rank] as number);
  return { id: tokenOf(row), logprob: -q / NAT, alternatives: best.slice(0, 5) };
});
const bend = (at: number, change: (token: ShownToken) => ShownToken): ShownToken[] =>
  shown.map((token, i) => (i === at ? change(token) : token));

describe('checkShownLogprobs', () => {
  it('passes what the signed rows say', () => {
    expect(checkShownLogprobs(rows, shown, 5).status).toBe('pass');
    expect(
      checkShownLogprobs(
        rows,
        shown.map((t) => ({ ...t, alternatives: [] })),
        0,
      ).status,
    ).toBe('pass');
  });

  it.each([
    ['a token short', shown.slice(1)],
    ['a token more', [...shown, shown[0] as ShownToken]],
    ['another token', bend(7, (t) => ({ ...t, id: t.id + 1 }))],
    ['a better value', bend(7, (t) => ({ ...t, logprob: t.logprob + 1 / NAT }))],
    ['not a number', bend(7, (t) => ({ ...t, logprob: Number.NaN }))],
    ['an alternative left out', bend(9, (t) => ({ ...t, alternatives: t.alternatives.slice(1) }))],
    ['alternatives in another order', bend(9, (t) => ({ ...t, alternatives: [...t.alternatives].reverse() }))],
    [
      'another alternative',
      bend(9, (t) => ({ ...t, alternatives: t.alternatives.map((a) => ({ ...a, id: a.id + 1 })) })),
    ],
  ])('fails for %s', (_what, lie) => {
    expect(checkShownLogprobs(rows, lie, 5).status).toBe('fail');
  });
});

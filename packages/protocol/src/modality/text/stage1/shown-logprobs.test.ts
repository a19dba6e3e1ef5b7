import { createSyntheticReply } from '@ogong/testing/synthetic/synthetic-reply';
import { describe, expect, it } from 'vitest';
import { createNobleHybridSigner, createNobleLedgerSigner, nobleCrypto as crypto } from '../../../crypto/noble.ts';
import { tokenOf } from '../commitment/window.ts';
import { NAT } from '../sampling/sampler.ts';
import { replayReply } from './replay.ts';
import { checkShownBytes, checkShownLogprobs, type ShownToken } from './shown-logprobs.ts';

const reply = createSyntheticReply({
  crypto,
  provider: createNobleHybridSigner(new Uint8Array(64).fill(1)),
  payer: createNobleLedgerSigner(new Uint8Array(32).fill(2)),
  ledger: { chainId: 1n, verifyingContract: new Uint8Array(20) },
  tokens: 40,
  parameters: { temperature: 1.6, logit_bias: { 3: 8 } },
});
const { rows } = replayReply(crypto, reply.record, reply.opening);
/** The text of every token is its number. */
const bytesOf = (id: number): Uint8Array => new TextEncoder().encode(`${id} `);
const shown: ShownToken[] = rows.map((row) => {
  const listed = Array.from(row.ids, (id, i) => ({ id, bytes: bytesOf(id), logprob: -(row.q[i] as number) / NAT }));
  const best = [...listed].sort((a, b) => b.logprob - a.logprob);
  const q = row.rank < 0 ? (row.tailQ as number) : (row.q[row.rank] as number);
  return { id: tokenOf(row), bytes: bytesOf(tokenOf(row)), logprob: -q / NAT, alternatives: best.slice(0, 5) };
});
const bend = (at: number, change: (token: ShownToken) => ShownToken): ShownToken[] =>
  shown.map((token, i) => (i === at ? change(token) : token));

describe('checkShownLogprobs', () => {
  it('passes the values of the signed rows', () => {
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

describe('checkShownBytes', () => {
  const text = shown.map(({ id }) => `${id} `).join('');

  it('passes the bytes of the tokens, also where a stop string or an end token cut the text', () => {
    expect(checkShownBytes(shown, text).status).toBe('pass');
    expect(checkShownBytes(shown, text.slice(0, -4)).status).toBe('pass');
  });

  it('passes characters that several tokens share, and an unfinished one', () => {
    const token = (id: number, ...bytes: number[]): ShownToken => ({
      ...{ id, bytes: Uint8Array.from(bytes), logprob: 0, alternatives: [] },
    });
    expect(checkShownBytes([token(1, 0xc3), token(2, 0xa9)], 'é').status).toBe('pass');
    expect(checkShownBytes([token(1, 0x61), token(2, 0xf0, 0x9f)], 'a\ufffd').status).toBe('pass');
  });

  it.each([
    ['other bytes for every chosen token', shown.map((t) => ({ ...t, bytes: bytesOf(t.id + 1), alternatives: [] }))],
    ['a chosen token with no bytes', bend(7, (t) => ({ ...t, bytes: new Uint8Array(0) }))],
    [
      'an alternative with the bytes of another token',
      bend(9, (t) => ({ ...t, alternatives: t.alternatives.map((a) => ({ ...a, bytes: bytesOf(a.id + 1) })) })),
    ],
  ])('fails for %s', (_what, lie) => {
    expect(checkShownBytes(lie, text).status).toBe('fail');
  });
});

import { createSyntheticReceipt, type SyntheticReceiptOptions } from '@ogong/testing/synthetic/synthetic-receipt';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hashResponse } from '../commitment/response-hash.ts';
import { createNobleHybridSigner, createNobleLedgerSigner, nobleCrypto as crypto } from '../crypto/noble.ts';
import { findNamedRoot } from '../exchange/named-root.ts';
import { RequestError } from '../modality/shared/request-error.ts';
import type { Header } from '../modality/text/commitment/header.ts';
import { decodeTokenWindow, encodeTokenWindow } from '../modality/text/commitment/token-window.ts';
import { assertTierShows } from '../modality/text/request/tier-rules.ts';
import { verifyReceipt } from '../verdict/receipt/verify-receipt.ts';

const base: SyntheticReceiptOptions = {
  crypto,
  provider: createNobleHybridSigner(new Uint8Array(64).fill(7)),
  router: createNobleHybridSigner(new Uint8Array(64).fill(8)),
  payer: createNobleLedgerSigner(new Uint8Array(32).fill(9)),
  ledger: { chainId: 31_337n, verifyingContract: new Uint8Array(20).fill(3) },
  tokens: 40,
};
const LEFT_OUT = ['listing', 'draw-replay', 'shape-classes'];
const VERIFIED = 'ogong/verified/test/synthetic';
const VANILLA = 'ogong/vanilla/test/synthetic';

async function verify(options: Partial<SyntheticReceiptOptions>, response?: (text: Uint8Array) => Uint8Array) {
  const { receipt, reply, trust, nowMs } = createSyntheticReceipt({ ...base, ...options });
  const shown = response?.(reply.response) ?? reply.response;
  const verdict = await verifyReceipt(receipt, { crypto, request: reply.request, response: shown, trust, nowMs });
  const ids = (status: string) => verdict.checks.filter((one) => one.status === status).map(({ id }) => id);
  return { ...verdict, failed: ids('fail').sort(), skipped: ids('skip') };
}
const header = (change: Partial<Header>): Partial<SyntheticReceiptOptions> => ({
  bend: { header: (one) => ({ ...one, ...change }) },
});

describe.each(['named', 'counted'] as const)('a receipt of tier vanilla, its tokens %s', (said) => {
  it('passes for a consumer that requested the tier, and names the checks that nobody made', async () => {
    const verdict = await verify({ said });
    expect(verdict).toMatchObject({ ok: true, failed: [], skipped: LEFT_OUT, missing: [], allowed: LEFT_OUT });
    expect(verdict.posture).toMatchObject({ tier: 'vanilla', method: 'signature', exact: false });
    const posture = verdict.checks.find(({ id }) => id === 'posture');
    expect(posture?.detail).toMatch(/a signature only: .* proven by nothing and audited by nobody/);
    expect(verdict.checks.find(({ id }) => id === 'model-root')?.detail).toMatch(/says nothing about weights/);
  });

  it.each<[what: string, options: Partial<SyntheticReceiptOptions>, failed: string[]]>([
    ['the method of another tier', header({ method: 'draw-replay' }), ['posture']],
    ['a class that claims to be exact', header({ numericClass: 'a/b/c/exact/d/e' }), ['posture']],
    ['another hash of its tokens', header({ outputTokensHash: new Uint8Array(32).fill(1) }), ['token-count']],
    ['another count', header({ outputTokenCount: 39 }), ['token-count']],
    ['a limit below its count', header({ maxTokens: 39 }), ['sampler', 'token-count']],
    [
      'another temperature than was asked for',
      { bend: { header: (one) => ({ ...one, sampler: { ...one.sampler, temperatureQ16: 1 } }) } },
      ['sampler'],
    ],
    ['a stop string that was asked for', { parameters: { stop: ['word'] } }, ['stop-strings']],
  ])('with %s', async (_what, options, failed) => {
    expect((await verify({ said, ...options })).failed).toEqual(failed);
  });

  it('fails with another text, and with more tokens than bytes', async () => {
    expect((await verify({ said }, (text) => text.subarray(1))).failed).toContain('response-hash');
    // The record signs the short text, too: then the count alone is too large.
    const short = await verify(
      { said, bend: { record: (r, { answer }) => ({ ...r, responseHash: hashOf(answer, 'word') }) } },
      () => textOf('word'),
    );
    expect(short.failed).toContain('response-size');
  });
});

const textOf = (text: string): Uint8Array => new TextEncoder().encode(text);
const hashOf = (blind: Uint8Array, text: string): Uint8Array => hashResponse(crypto, blind, textOf(text));

describe('the tier that was asked for', () => {
  it('is not had from a provider that signs tokens alone', async () => {
    const verdict = await verify({ said: 'counted', parameters: { model: VERIFIED } });
    expect(verdict.ok).toBe(false);
    expect(verdict.failed).toEqual(expect.arrayContaining(['sampler', 'ticket']));
    // The tier in the header permits no skip; only the requested tier does.
    expect(verdict.missing).toEqual(expect.arrayContaining(LEFT_OUT));
  });

  it('is not had by draws under a header of tier vanilla, nor by tokens under another', async () => {
    expect((await verify(header({ tier: 'vanilla', method: 'signature' }))).failed).toEqual(['commitment-form']);
    expect((await verify({ said: 'named', ...header({ tier: 'verified', method: 'draw-replay' }) })).failed).toEqual([
      'commitment-form',
    ]);
    // A bare change of the name over windows of tokens.
    expect((await verify({ said: 'named', ...header({ tier: 'replay', method: 'exact-replay' }) })).failed).toEqual([
      'commitment-form',
    ]);
  });
});

describe('the root of a name', () => {
  it('is another for each name of the tier, and none elsewhere', () => {
    const root = findNamedRoot(crypto, VANILLA);
    expect(root).toHaveLength(32);
    expect(findNamedRoot(crypto, 'ogong/vanilla/test/other')).not.toEqual(root);
    for (const other of [VERIFIED, 'ogong/tee/a/b', 'ogong/vanilla/A/b', 'ogong/vanilla/a', 'x', '']) {
      expect(findNamedRoot(crypto, other), other).toBeUndefined();
    }
  });
});

describe('pictures', () => {
  it('are refused in a tier with disputes', () => {
    const asked = { model: VERIFIED.replace('verified', 'replay'), logprobs: false };
    expect(() => assertTierShows({ ...asked, pictureCount: 1 })).toThrow('pictures are not served in tier replay');
    expect(() => assertTierShows({ ...asked, pictureCount: 0 })).not.toThrow();
  });
});

describe('log-probabilities', () => {
  it('are refused in the tier, and nowhere else', () => {
    expect(() => assertTierShows({ model: VANILLA, logprobs: true, pictureCount: 0 })).toThrow(RequestError);
    for (const [model, logprobs] of [
      [VANILLA, false],
      [VERIFIED, true],
      ['x', true],
    ] as const) {
      expect(() => assertTierShows({ model, logprobs, pictureCount: 1 })).not.toThrow();
    }
  });
});

describe('a window of tokens', () => {
  const anyWindow = fc
    .tuple(
      fc.integer({ min: 1, max: 32 }),
      fc.boolean(),
      fc.array(fc.nat(2 ** 24 - 1), { minLength: 32, maxLength: 32 }),
    )
    .map(([count, isNamed, ids]) => ({ count, ids: isNamed ? ids.slice(0, count) : [] }));

  it('is read back as it was written, and nothing else is', () => {
    fc.assert(
      fc.property(anyWindow, fc.nat(), fc.integer({ min: 1, max: 255 }), (window, at, change) => {
        const bytes = encodeTokenWindow(window);
        expect(decodeTokenWindow(bytes)).toEqual(window);
        const bentBytes = bytes.slice();
        bentBytes[at % bytes.length] = (bentBytes[at % bytes.length] as number) ^ change;
        let read: unknown;
        try {
          read = decodeTokenWindow(bentBytes);
        } catch {
          return;
        }
        expect(encodeTokenWindow(read as typeof window)).toEqual(bentBytes);
      }),
    );
  });

  it.each([
    ['no positions', { count: 0, ids: [] }],
    ['too many', { count: 33, ids: [] }],
    ['ids of some positions', { count: 3, ids: [1, 2] }],
    ['an id beyond every vocabulary', { count: 1, ids: [2 ** 24] }],
  ])('holds not %s', (_what, window) => {
    expect(() => encodeTokenWindow(window)).toThrow();
  });

  it('is no window of draws, and ends where it ends', () => {
    const bytes = encodeTokenWindow({ count: 1, ids: [] });
    expect(() => decodeTokenWindow(Uint8Array.of(...bytes, 0))).toThrow();
    expect(() => decodeTokenWindow(bytes.with(0, 1))).toThrow();
  });
});

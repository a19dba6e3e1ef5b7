import {
  forgeLocalReply,
  LOCAL_START_MS,
  type LocalForgery,
  type LocalReplyOptions,
  serveLocalReply,
} from '@ogong/testing/provider/local-reply';
import { beforeAll, describe, expect, it } from 'vitest';
import { utf8Encode } from '../../base/bytes.ts';
import { parseOpening } from '../../commitment/opening.ts';
import { hashResponse } from '../../commitment/response-hash.ts';
import { nobleCrypto as crypto } from '../../crypto/noble.ts';
import { hashRequest } from '../../modality/request-hash.ts';
import { hashTokens, parseHeader } from '../../modality/text/commitment/header.ts';
import { decodeDraws, encodeDraws, tokenOf } from '../../modality/text/commitment/window.ts';
import { parseAnyReceipt, toLocalReceiptJson } from '../../stage1/local-receipt.ts';
import type { Trust } from '../../stage1/trust.ts';
import { verifyLocalReceipt, WITHOUT_NETWORK } from './verify-local-receipt.ts';

type KeptReply = Awaited<ReturnType<typeof serveLocalReply>>;

const openedOf = ({ receipt }: KeptReply) => {
  const { blind, header, windows } = parseOpening(receipt.opening.bytes);
  return { blind, header: parseHeader(header), windows };
};

let reply: KeptReply;
beforeAll(async () => {
  reply = await serveLocalReply();
});

const fill = (value: number, length = 32): Uint8Array => new Uint8Array(length).fill(value);

function verify({ receipt, request, response }: KeptReply, trust: Trust = {}, nowMs = LOCAL_START_MS + 1000) {
  return verifyLocalReceipt(receipt, { crypto, request, response, trust, nowMs });
}
const list = ({ checks }: ReturnType<typeof verify>, status: string): readonly string[] =>
  checks.filter((check) => check.status === status).map(({ id }) => id);

/** The checks that a local answer cannot have. */
const ABSENT = [
  ...['order-signature', 'order-binding', 'header-order', 'record-signature', 'provider-identity', 'ticket', 'router'],
  ...['ledger', 'validator', 'admission', 'intake', 'beacon', 'payee', 'fee', 'context'],
];

describe('a receipt of local mode', () => {
  it('proves everything that an answer proves by itself, and is not good while checks were skipped', () => {
    const verdict = verify(reply);
    expect(list(verdict, 'fail')).toEqual([]);
    expect(list(verdict, 'pass')).toEqual([
      ...['format', 'request-hash', 'response-hash', 'times', 'commitment-root', 'commitment-form', 'posture'],
      ...[
        'token-count',
        'listing',
        'draw-replay',
        'shape-classes',
        'blinding',
        'local',
        'sketch-bank',
        'draw-key',
        'sampler',
      ],
      'stop-strings',
    ]);
    expect(verdict).toMatchObject({ ok: false, missing: ['model-root', ...ABSENT], posture: { tier: 'local' } });
  });

  it('is good for a reader that allows every skipped check by name, and not with fewer', () => {
    const allow = ['model-root', ...ABSENT];
    expect(verify(reply, { allow })).toMatchObject({ ok: true, missing: [], allowed: allow });
    expect(verify(reply, { allow: [WITHOUT_NETWORK] })).toMatchObject({ ok: true, missing: [], allowed: allow });
    for (const id of allow) expect(verify(reply, { allow: allow.filter((other) => other !== id) }).ok).toBe(false);
  });

  it('survives its JSON', () => {
    const json = JSON.stringify(toLocalReceiptJson(reply.receipt));
    expect(parseAnyReceipt(json)).toEqual(reply.receipt);
    for (const field of ['endpoint', 'record', 'opening'])
      expect(() => parseAnyReceipt(JSON.stringify({ ...JSON.parse(json), [field]: 7 }))).toThrow(field);
  });

  it.each<[string, (given: KeptReply) => KeptReply, string[]]>([
    ['another text', (given) => ({ ...given, response: utf8Encode('Once') }), ['response-hash']],
    ['another request', (given) => ({ ...given, request: utf8Encode('{"model":"x","messages":[]}') }), ['format']],
    [
      'a request with one word more',
      (given) => ({ ...given, request: utf8Encode(new TextDecoder().decode(given.request).replace('story', 'tale')) }),
      ['request-hash', 'response-hash', 'blinding'],
    ],
    [
      'one byte of the opening',
      (given) => {
        const bytes = given.receipt.opening.bytes.slice();
        bytes[bytes.length - 3] = (bytes.at(-3) as number) ^ 1;
        return { ...given, receipt: { ...given.receipt, opening: { bytes } } };
      },
      ['commitment-root'],
    ],
    [
      'no opening',
      (given) => ({ ...given, receipt: { ...given.receipt, opening: { bytes: fill(0) } } }),
      ['commitment-form'],
    ],
    ['no record', (given) => ({ ...given, receipt: { ...given.receipt, record: { bytes: fill(0) } } }), ['format']],
    ['another modality', (given) => ({ ...given, receipt: { ...given.receipt, endpoint: 'embedding' } }), ['format']],
  ])('is refuted by %s', (_what, change, failed) => {
    expect(list(verify(change(reply)), 'fail')).toEqual(failed);
  });

  /** Puts another candidate at one position, and makes everything else match. */
  const redraw = (given: KeptReply): LocalForgery => {
    const { windows, ...held } = openedOf(given);
    const first = windows[0] as (typeof windows)[number];
    const decoded = decodeDraws(first.draws, held.header);
    const rows = decoded.rows.map((row, at) => (at === 5 ? { ...row, rank: row.rank === 0 ? 1 : 0 } : row));
    const draws = encodeDraws({ ...decoded, rows }, held.header);
    const others = windows.slice(1).flatMap((window) => decodeDraws(window.draws, held.header).rows);
    return {
      windows: () => [{ ...first, draws }, ...windows.slice(1)],
      header: () => ({ outputTokensHash: hashTokens(crypto, held.blind, [...rows, ...others].map(tokenOf)) }),
    };
  };

  it.each<[string, (given: KeptReply) => LocalForgery, string]>([
    ['another draw', redraw, 'draw-replay'],
    ['an order', () => ({ header: () => ({ orderHash: fill(1) }) }), 'local'],
    ['a payee', () => ({ header: () => ({ payee: fill(1, 20) }) }), 'local'],
    ['a tier of the network', () => ({ header: () => ({ tier: 'verified', method: 'draw-replay' }) }), 'posture'],
    [
      'another temperature',
      () => ({ header: ({ sampler }) => ({ sampler: { ...sampler, temperatureQ16: 1 } }) }),
      'sampler',
    ],
    ['another day', () => ({ header: ({ promptDay }) => ({ promptDay: promptDay + 1 }) }), 'sampler'],
    ['a choice that was not requested', () => ({ header: () => ({ choice: 1 }) }), 'sampler'],
    ['parts of other weights', () => ({ header: () => ({ parts: [fill(1), fill(2)] }) }), 'sampler'],
    [
      'a seed that was not requested',
      () => ({
        header: () => ({ drawKey: { mode: 'seed', seed: 1n, requestHash: fill(0), modelRoot: fill(0), choice: 0 } }),
      }),
      'draw-key',
    ],
    [
      'the key of another answer',
      () => ({ header: ({ drawKey }) => ({ drawKey: { ...drawKey, requestHash: fill(9) } }) }),
      'draw-key',
    ],
    ['sketches of another bank', () => ({ header: () => ({ sketchBankSeed: fill(3) }) }), 'sketch-bank'],
    [
      'a stop string that its request has not',
      () => ({ header: () => ({ stopReason: 'stop-string' }) }),
      'stop-strings',
    ],
    ['an end before its start', () => ({ record: ({ startNs }) => ({ endNs: startNs - 1n }) }), 'times'],
    ['an end in the future', () => ({ record: ({ endNs }) => ({ endNs: endNs + 10n ** 12n }) }), 'times'],
    [
      'more tokens than there are',
      () => ({ record: ({ tokenCount }) => ({ tokenCount: tokenCount + 1 }) }),
      'token-count',
    ],
  ])('is refuted if its holder made it name %s', (_what, forge, failed) => {
    expect(list(verify(forgeLocalReply(reply, forge(reply))), 'fail')).toContain(failed);
  });

  it('states that an answer was broken off', () => {
    const broken = verify(forgeLocalReply(reply, { header: () => ({ stopReason: 'cancelled' }) }));
    expect(broken.checks.find(({ id }) => id === 'stop-strings')).toMatchObject({
      status: 'pass',
      detail: 'stop reason cancelled',
    });
  });

  it('is refuted by weights that the reader knows', () => {
    expect(list(verify(reply, { modelRoots: { fake: fill(1) } }), 'fail')).toEqual(['model-root']);
  });

  it.each<[string, LocalReplyOptions['fields'], string, string]>([
    ['the grammar', { grammar: 'root ::= "yes" | "no"' }, 'grammar', 'maybe'],
    ['a stop string', { stop: 'xyzzy' }, 'stop-strings', 'a xyzzy'],
  ])('is refuted by a text that breaks %s', async (_what, fields, id, text) => {
    const held = await serveLocalReply({ fields: fields ?? {} });
    expect(list(verify(held), 'fail')).toEqual([]);
    const response = utf8Encode(text);
    const { blind } = parseOpening(held.receipt.opening.bytes);
    const forged = forgeLocalReply(held, { record: () => ({ responseHash: hashResponse(crypto, blind, response) }) });
    expect(list(verify({ ...forged, response }), 'fail')).toEqual([id]);
  });

  it('is refuted by weights that its request did not demand', async () => {
    const request = utf8Encode(
      new TextDecoder().decode(reply.request).replace('{', `{"ogong":{"model_root":"${'00'.repeat(32)}"},`),
    );
    const requestHash = hashRequest(crypto, 'chat', request);
    const forged = forgeLocalReply(reply, {
      record: () => ({ requestHash }),
      header: ({ drawKey }) => ({ drawKey: { ...drawKey, requestHash } }),
    });
    expect(list(verify({ ...forged, request }), 'fail')).toContain('demands');
  });

  it('keys a seeded answer by the seed alone', async () => {
    const seeded = await serveLocalReply({ fields: { seed: 7 } });
    expect(list(verify(seeded), 'fail')).toEqual([]);
    const { header } = openedOf(seeded);
    expect(header.drawKey).toMatchObject({ mode: 'seed', seed: 7n, requestHash: fill(0) });
  });
});

import type { TextEngine } from '@ogong/engine/interface/text';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { createNodeHybridSigner } from '@ogong/host/crypto/signers';
import { utf8Encode } from '@ogong/protocol/base/bytes';
import { parseOpening } from '@ogong/protocol/commitment/opening';
import { parseRecordV2 } from '@ogong/protocol/commitment/record';
import { nameOrder } from '@ogong/protocol/exchange/order';
import { hashRequest, summarizeRequest } from '@ogong/protocol/modality/request-hash';
import { adjudicateReport } from '@ogong/protocol/modality/text/adjudicate';
import { type Header, NO_GRAMMAR } from '@ogong/protocol/modality/text/commitment/header';
import { hashGrammar } from '@ogong/protocol/modality/text/grammar/machine';
import { schemaToGrammar } from '@ogong/protocol/modality/text/grammar/schema/schema-grammar';
import { parseTextSummary } from '@ogong/protocol/modality/text/request/request-summary';
import { checkHeader } from '@ogong/protocol/modality/text/stage1/header-checks';
import { replayReply } from '@ogong/protocol/modality/text/stage1/replay';
import { parseScoreReport } from '@ogong/protocol/modality/text/stage2/score-report';
import { createFakeEngine } from '@ogong/testing/engine/fake';
import { afterAll, describe, expect, it } from 'vitest';
import { commitReply, draftReply, signReply } from './commit-reply.ts';
import { generateReply } from './generate-reply.ts';
import { parseModelRequest } from './model-request.ts';
import { scoreJob } from './score-text.ts';

const engine = createFakeEngine({ contextSize: 512 });
const inexact = createFakeEngine({ contextSize: 512, exact: false });
afterAll(() => Promise.all([engine.close(), inexact.close()]));

const signer = createNodeHybridSigner(new Uint8Array(64).fill(3));
const bytes = (length: number, value: number): Uint8Array => new Uint8Array(length).fill(value);
const schema = {
  type: 'object',
  properties: { a: { enum: ['red', 'green'] }, b: { type: 'integer' } },
  required: ['a', 'b'],
};
const encode = (more: object): Uint8Array =>
  utf8Encode(
    JSON.stringify({
      model: 'ogong/verified/test/fake',
      messages: [{ role: 'user', content: 'Hi' }],
      max_tokens: 90,
      ...more,
    }),
  );
const structured = encode({ response_format: { type: 'json_schema', json_schema: { name: 'x', schema } } });
const either = encode({
  response_format: { type: 'json_schema', json_schema: { name: 'x', schema } },
  tools: [{ type: 'function', function: { name: 'f' } }],
});
const ledger = { chainId: 1n, verifyingContract: bytes(20, 5) };
const beacon = { value: bytes(32, 8), previous: bytes(32, 9) };
const orderOf = (body: Uint8Array) =>
  nameOrder(crypto, ledger, {
    ...{
      payer: bytes(20, 1),
      validator: bytes(20, 2),
      nonce: bytes(32, 3),
      providerId: bytes(32, 4),
      payee: bytes(20, 7),
    },
    ...{ router: bytes(20, 6), modelRoot: engine.info().modelRoot, requestHash: hashRequest(crypto, 'chat', body) },
    ...{
      cumulativeAtomic: 1n,
      choice: 0,
      contextSize: 512,
      maxFeeAtomic: 1n,
      pricePer1kAtomic: 1n,
      epoch: 1n,
      expiresAtMs: 1n,
    },
  });

interface Lie {
  readonly body?: Uint8Array;
  /** Grammar that the provider runs with. */
  readonly grammar?: string | undefined;
  readonly header?: (header: Header) => Header;
  readonly by?: TextEngine;
}

/** Serves a reply, as the role does but for the lie, and checks it as consumer, verifier and validator do. @returns failed checks. */
async function play(
  lie: Lie = {},
): Promise<{ readonly failed: string[]; readonly text: string; readonly ids: string[] }> {
  const { body = structured, by = engine } = lie;
  const order = orderOf(body);
  const liar: TextEngine = {
    ...by,
    generate: (request, options) =>
      by.generate('grammar' in lie ? { ...request, grammar: lie.grammar } : request, options),
  };
  const served = (await generateReply({ order, endpoint: 'chat', body, beacon }, { engine: liar, crypto }))!.reply;
  const draft = draftReply(crypto, { ...served, startMs: 0, endMs: 1 });
  const signed = signReply(crypto, signer, { ...draft, header: lie.header?.(draft.header) ?? draft.header });
  const record = parseRecordV2(signed.record);
  const opening = parseOpening(signed.opening);
  const replay = replayReply(crypto, record, opening);
  const header = replay.header as Header;
  const request = parseModelRequest(body, 'chat', header.promptDay);
  const context = { order, request: request.asked, response: signed.response, beacon, mayBeCancelled: false };
  const checks = [...replay.checks, ...checkHeader(crypto, header, context)];
  const listSizes = Uint8Array.from(replay.rows, ({ ids }) => ids.length);
  const { outputTokens, shapeClasses, tailDraws } = replay;
  const { blind } = opening;
  const claim = {
    blind,
    header,
    request,
    body,
    outputTokens,
    listSizes,
    shapeClasses,
    tailDraws,
    bankSeed: header.sketchBankSeed,
  };
  const signal = AbortSignal.timeout(60_000);
  const report = parseScoreReport(
    await scoreJob({ jobId: new Uint8Array(16), ...claim }, { engine: by, crypto, signal }),
  );
  const verdict = adjudicateReport(crypto, { record, header, opening }, report);
  const all = [...checks, ...verdict.checks];
  const failed = all.filter(({ status }) => status === 'fail').map(({ id }) => id);
  return { failed, text: served.text, ids: all.map(({ id }) => id) };
}

describe('a reply under a grammar', () => {
  it('passes every check, and is JSON of its schema', async () => {
    const { failed, text, ids } = await play();
    expect(failed).toEqual([]);
    expect(ids).toContain('grammar');
    expect(JSON.parse(text)).toMatchObject({ a: expect.stringMatching(/^(red|green)$/), b: expect.any(Number) });
  });

  it('is one of any text where none is asked for, and then no check speaks of it', async () => {
    const { failed, ids } = await play({ body: encode({}) });
    expect([failed, ids.includes('grammar')]).toEqual([[], false]);
  });

  it.each<[string, Lie, string[]]>([
    ['the mask is left out', { grammar: undefined }, ['grammar', 'response-text']],
    ['another grammar is run', { grammar: 'root ::= "yes"' }, ['grammar', 'response-text']],
    ['allowed tokens are left out', { grammar: 'root ::= "{\\"a\\":\\"red\\",\\"b\\":1}"' }, ['equality']],
    [
      'forbidden tokens are listed',
      { grammar: 'root ::= "{\\"a\\":\\"red\\",\\"b\\":" [1-9x] [0-9x] "}"' },
      ['equality'],
    ],
    ['calls are left out beside a schema', { body: either, grammar: schemaToGrammar(schema) }, ['equality']],
    [
      'the schema is left out beside calls',
      { body: either, grammar: 'root ::= "I look."' },
      ['grammar', 'response-text'],
    ],
    [
      'the header names no grammar',
      { header: (header) => ({ ...header, grammarHash: NO_GRAMMAR }) },
      ['listing', 'sampler'],
    ],
    [
      'the header names another grammar',
      { header: (header) => ({ ...header, grammarHash: hashGrammar(crypto, 'root ::= "yes"') }) },
      ['sampler'],
    ],
    [
      'a grammar is claimed that nobody asked for',
      {
        body: encode({}),
        grammar: 'root ::= "yes"',
        header: (h) => ({ ...h, grammarHash: hashGrammar(crypto, 'root ::= "yes"') }),
      },
      ['sampler', 'equality'],
    ],
    [
      'a grammar is run that nobody asked for',
      { body: encode({}), grammar: 'root ::= "yes"' },
      ['listing', 'equality'],
    ],
    // No class is exact, so no bits are compared. A broken grammar is a fact all the same.
    ['the mask is left out, in another class', { grammar: undefined, by: inexact }, ['grammar', 'response-text']],
  ])('is refuted where %s', async (_name, lie, expected) => expect((await play(lie)).failed).toEqual(expected));

  it('is refuted in any class where allowed tokens are left out', async () => {
    const { failed } = await play({ grammar: 'root ::= "{\\"a\\":\\"green\\",\\"b\\":1}"', by: inexact });
    expect(failed.length).toBeGreaterThan(0);
  });

  it('is not signed where its text breaks it', async () => {
    const order = orderOf(structured);
    const served = (await generateReply({ order, endpoint: 'chat', body: structured, beacon }, { engine, crypto }))!
      .reply;
    const commit = (text: string) => () => commitReply(crypto, signer, { ...served, text, startMs: 0, endMs: 1 });
    expect(commit(served.text)).not.toThrow();
    expect(commit(served.text.slice(0, -1))).toThrow(
      expect.objectContaining({ name: 'ReplyTextError', code: 'grammar' }),
    );
  });

  it('has its hash in the summary that co-signers get, and they skip what needs the text', async () => {
    const asked = parseTextSummary(summarizeRequest(crypto, 'chat', structured));
    const { asked: whole } = parseModelRequest(structured, 'chat', 0);
    expect(asked.grammar).toEqual(hashGrammar(crypto, whole.grammar as string));
    const order = orderOf(structured);
    const served = (await generateReply({ order, endpoint: 'chat', body: structured, beacon }, { engine, crypto }))!
      .reply;
    const { header } = draftReply(crypto, { ...served, startMs: 0, endMs: 1 });
    const checks = checkHeader(crypto, header, {
      order,
      request: asked,
      response: undefined,
      beacon,
      mayBeCancelled: false,
    });
    expect(checks.find(({ id }) => id === 'sampler')?.status).toBe('pass');
    expect(checks.find(({ id }) => id === 'grammar')?.status).toBe('skip');
  });
});

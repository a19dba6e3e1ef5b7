import { createSyntheticReply } from '@ogong/testing/synthetic/synthetic-reply';
import { describe, expect, it } from 'vitest';
import { computeCommitment } from '../commitment/opening.ts';
import { createNobleHybridSigner, createNobleLedgerSigner, nobleCrypto as crypto } from '../crypto/noble.ts';
import type { Header } from '../modality/text/commitment/header.ts';
import { parseRequest } from '../modality/text/request/request.ts';
import { hashAskedGrammar } from '../modality/text/request/request-summary.ts';
import { type Submission, verifyReply, verifySummarized } from './claim.ts';
import { summarizeSubmission } from './summarize.ts';

const provider = createNobleHybridSigner(new Uint8Array(64).fill(1));
const ledger = { chainId: 31_337n, verifyingContract: new Uint8Array(20).fill(3) };
const beacon = { value: new Uint8Array(32).fill(5), previous: new Uint8Array(32).fill(6) };
const options = {
  ...{ crypto, provider, ledger, payer: createNobleLedgerSigner(new Uint8Array(32).fill(2)) },
  beacon: { epoch: 7n, ...beacon },
};

/** Creates a reply with that text, whose header matches its request. */
function submit(parameters: Readonly<Record<string, unknown>>, text: string) {
  const { request, order, orderSignature } = createSyntheticReply({ ...options, parameters });
  const grammarHash = hashAskedGrammar(crypto, parseRequest(request, 'chat'));
  const header = (fields: Header): Header => (grammarHash ? { ...fields, grammarHash } : fields);
  const given = { endpoint: 'chat' as const, request, order, orderSignature, beacon, text };
  const reply = createSyntheticReply({ ...options, given, bend: { header } });
  const { record, opening } = { record: reply.recordBytes, opening: reply.opening };
  const submission: Submission = {
    order: { order: reply.orderBytes, signature: orderSignature },
    record: { record, providerKey: provider.publicKey, signature: reply.recordSignature },
    ...{ header: opening.header, headerProof: computeCommitment(crypto, opening).headerProof },
    ...{ request, endpoint: 'chat', response: reply.response, payeeWord: new Uint8Array(65) },
  };
  const context = { ledger, order, beacon, checkWord: () => true };
  return {
    whole: () => verifyReply(crypto, context, submission).feeAtomic,
    summarized: () => verifySummarized(crypto, context, summarizeSubmission(crypto, submission)).feeAtomic,
  };
}

const json = { response_format: { type: 'json_object' } };

describe('a reply without its texts', () => {
  it.each<[string, Readonly<Record<string, unknown>>, string]>([
    ['a plain request', {}, 'a long story'],
    ['a request with stop strings', { stop: ['END'] }, 'a story'],
    ['a request with a grammar', json, '{"a": "a story"}'],
  ])('gives a co-signer the same result, for %s', (_what, parameters, text) => {
    const { whole, summarized } = submit(parameters, text);
    expect(whole()).toBeGreaterThan(0n);
    expect(summarized()).toBe(whole());
  });

  it.each<[string, Readonly<Record<string, unknown>>, string, string]>([
    ['a stop string', { stop: ['END'] }, 'a story, END, and more', 'stop-strings'],
    ['a text that its grammar forbids', json, 'no object', 'grammar'],
  ])('hides %s, which its validator refuses', (_what, parameters, text, code) => {
    const { whole, summarized } = submit(parameters, text);
    expect(whole).toThrow(expect.objectContaining({ code }));
    expect(summarized()).toBeGreaterThan(0n);
  });
});

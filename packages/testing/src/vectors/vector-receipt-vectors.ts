import { toBase64 } from '@ogong/protocol/base/bytes';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import { createNobleLedgerSigner } from '@ogong/protocol/crypto/noble';
import { EMBEDDING_HEADER_TAG, type EmbeddingHeader } from '@ogong/protocol/modality/embedding/header';
import type { EmbeddingLeaf } from '@ogong/protocol/modality/embedding/leaf';
import { toReceiptJson } from '@ogong/protocol/stage1/receipt';
import { toTrustJson } from '@ogong/protocol/stage1/trust';
import { createSteadySigner } from '../protocol/steady-signer.ts';
import { createSyntheticVectorReceipt, type VectorReceiptOptions } from '../synthetic/synthetic-vector-receipt.ts';
import {
  type Bent,
  type CaseJson,
  describeCase,
  findEdits,
  judgeReceiptCase,
  type ReceiptCase,
} from './receipt-vectors.ts';

/** `vectors/receipt-embedding.json`: receipts of vectors and of scores, whole, and changed by their signers or by others. */
export async function createVectorReceiptVectors(crypto: Crypto): Promise<unknown> {
  const fill = (length: number, value: number): Uint8Array => new Uint8Array(length).fill(value);
  const usual = {
    crypto,
    provider: createSteadySigner(fill(64, 0x31)),
    router: createSteadySigner(fill(64, 0x32)),
    payer: createNobleLedgerSigner(fill(32, 0x33)),
    ledger: { chainId: 31_337n, verifyingContract: fill(20, 0x34) },
  };
  type Endpoint = VectorReceiptOptions['endpoint'];
  const make = (endpoint: Endpoint, more: Partial<VectorReceiptOptions> = {}): ReceiptCase => {
    const { receipt, reply, trust, nowMs } = createSyntheticVectorReceipt({ ...usual, endpoint, ...more });
    const bodies = { request: toBase64(reply.request), response: toBase64(reply.response) };
    return {
      receipt: { ...toReceiptJson(receipt), ...bodies },
      trust: toTrustJson(trust) as unknown as CaseJson,
      nowMs,
    };
  };
  const bases: Readonly<Record<Endpoint, ReceiptCase>> = { embedding: make('embedding'), rerank: make('rerank') };
  const cases: Bent[] = [];
  const edited = (what: string, base: Endpoint, failed: readonly string[], ...edits: Bent['edits']): void => {
    cases.push({ what, base, failed, edits });
  };
  /** Changed by its signer, so that every signature is valid. */
  const signed = (what: string, base: Endpoint, failed: readonly string[], more: Partial<VectorReceiptOptions>): void =>
    edited(what, base, failed, ...findEdits(bases[base], make(base, more)));
  const header = (change: Partial<EmbeddingHeader>) => ({
    bend: { header: (h: EmbeddingHeader) => ({ ...h, ...change }) },
  });
  const leaf = (change: (leaf: EmbeddingLeaf) => Partial<EmbeddingLeaf>) => ({
    bend: { leaf: (one: EmbeddingLeaf, i: number) => (i === 1 ? { ...one, ...change(one) } : one) },
  });
  const opening = { url: '/v1/receipts/0/opening' };

  edited('a compact receipt', 'embedding', [], { set: 'receipt/opening', to: opening });
  edited('a compact receipt', 'rerank', [], { set: 'receipt/opening', to: opening });
  edited('no beacon is trusted', 'embedding', [], { remove: 'trust/validators' });
  edited('another response', 'embedding', ['response-hash'], { flip: 'receipt/response', at: 0 });
  edited('a cut response', 'rerank', ['response-hash', 'response-size'], { cut: 'receipt/response', bytes: 4 });
  edited('a cut opening', 'embedding', ['commitment-form'], { cut: 'receipt/opening/bytes', bytes: 1 });
  edited('a byte of a header', 'embedding', ['commitment-root'], { flip: 'receipt/opening/bytes', at: 90 });
  edited('another blind', 'embedding', ['commitment-root'], { flip: 'receipt/opening/bytes', at: 20 });
  edited('scores read as vectors', 'rerank', ['format'], { set: 'receipt/endpoint', to: 'embedding' });

  signed('a demand that is met', 'embedding', [], { parameters: { ogong: { exact: true } } });
  signed('a class that is not exact, and was demanded', 'rerank', ['demands'], {
    parameters: { ogong: { exact: true } },
    ...header({ numericClass: 'fake-1/js/f64/fast/hash/kv-none' }),
  });
  signed('the method of another tier', 'embedding', ['posture'], header({ method: 'exact-replay' }));
  signed('another tier', 'embedding', ['inputs'], header({ tier: 'replay', method: 'exact-replay' }));
  signed('another order', 'embedding', ['header-order'], header({ orderHash: fill(32, 1) }));
  signed('another payee', 'rerank', ['payee'], header({ payee: fill(20, 1) }));
  signed('another bank of directions', 'embedding', ['sketch', 'sketch-bank'], header({ sketchBankSeed: fill(32, 1) }));
  signed('adapters', 'embedding', ['inputs'], header({ parts: [fill(32, 0), fill(32, 1)] }));
  signed('another choice', 'embedding', ['inputs'], header({ choice: 1 }));
  signed('vectors in the place of scores', 'rerank', ['inputs', 'unit-norm'], header({ endpoint: 'embedding' }));
  signed('scores of many values', 'embedding', ['commitment-form'], {
    // The byte after tag and order hash is the endpoint.
    bend: { headerBytes: (bytes) => bytes.map((byte, i) => (i === EMBEDDING_HEADER_TAG.length + 33 ? 1 : byte)) },
  });
  signed(
    'another number of vectors',
    'embedding',
    ['inputs', 'response-size', 'token-count'],
    header({ vectorCount: 2 }),
  );
  signed('another longest input', 'embedding', ['token-count'], header({ longestInput: 13 }));
  signed('more tokens than the inputs have', 'embedding', ['token-count'], header({ promptTokenCount: 31 }));
  signed('tokens that are other than hashed', 'rerank', ['token-count'], header({ promptTokensHash: fill(32, 1) }));
  signed('another count in the record', 'embedding', ['token-count'], {
    bend: { record: (r) => ({ ...r, tokenCount: 2 }) },
  });
  signed('an input longer than the context', 'embedding', ['context'], {
    bend: { order: (o) => ({ ...o, contextSize: 13 }) },
  });
  signed('as long an input as the context takes', 'embedding', [], {
    bend: { order: (o) => ({ ...o, contextSize: 14 }) },
  });
  signed('more than the order pays', 'rerank', ['fee'], { bend: { order: (o) => ({ ...o, maxFeeAtomic: 1n }) } });
  // Vector and sketch of another length than one, and a sketch of another vector.
  signed(
    'a vector of length two',
    'embedding',
    ['sketch', 'unit-norm', 'vectors'],
    leaf(({ vector }) => ({ vector: vector.map((value) => 2 * value) })),
  );
  signed(
    'another score',
    'rerank',
    ['sketch', 'vectors'],
    leaf(({ vector }) => ({ vector: vector.map((value) => 2 * value) })),
  );
  signed(
    'another sketch',
    'embedding',
    ['sketch'],
    leaf(({ sketch }) => ({
      sketch: { ...sketch, values: sketch.values.map((value, j) => (j === 3 ? value - 1 : value)) },
    })),
  );
  signed(
    'another exponent',
    'rerank',
    ['sketch'],
    leaf(({ sketch }) => ({ sketch: { ...sketch, exponent: sketch.exponent + 1 } })),
  );

  signed(
    'a score of -0',
    'rerank',
    ['commitment-form'],
    leaf(() => ({ vector: Float32Array.of(-0) })),
  );
  const withNaN = (vector: Float32Array): Float32Array => vector.map((value, i) => (i === 2 ? Number.NaN : value));
  signed(
    'a value that is no number',
    'embedding',
    ['commitment-form'],
    leaf(({ vector }) => ({ vector: withNaN(vector) })),
  );
  signed('an input without tokens', 'embedding', ['commitment-form'], {
    // The first four bytes of a leaf count its tokens.
    bend: { leafBytes: (values) => values.map((byte, i) => (i < 4 ? 0 : byte)) },
  });

  return {
    bases: Object.fromEntries(
      await Promise.all(
        Object.entries(bases).map(async ([name, made]) => {
          const verdict = await judgeReceiptCase(crypto, made);
          return [name, { ...made, checks: verdict?.checks.map(({ id }) => id) }] as const;
        }),
      ),
    ),
    cases: await Promise.all(cases.map((one) => describeCase(crypto, bases[one.base as Endpoint], one))),
  };
}

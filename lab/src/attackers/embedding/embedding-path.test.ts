import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createFakeEmbeddingEngine } from '@ogong/testing/engine/fake-embedding';
import { afterAll, describe, expect, it } from 'vitest';
import { openAttackPath, type PathAttack, type PathReply } from '../attack-path.ts';
import { listFailed } from '../path-consumer.ts';
import { anotherModel } from './another-model.ts';
import { hiddenTruncation } from './hidden-truncation.ts';
import { lowerPrecision } from './lower-precision.ts';
import { SPONSOR, sortedUp } from './sorted-up.ts';
import { truncatedInput } from './truncated-input.ts';
import { zeroScores } from './zero-scores.ts';

const directory = mkdtempSync(join(tmpdir(), 'ogong-embedding-path-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));
const sold = createFakeEmbeddingEngine();
const cheap = createFakeEmbeddingEngine({ weights: 2 });
afterAll(() => Promise.all([sold, cheap].map((engine) => engine.close())));

const REQUEST = { input: ['The little dog was very happy.', 'a cat', 'One day, Lily found a needle in her room.'] };

/** Plays one order in a network of its own: answer, receipt, audit by a verifier, a co-signer's check, settlement. */
async function play(
  name: string,
  attack: PathAttack,
  { verifying = sold, request = REQUEST as object, endpoint = 'embedding' } = {},
): Promise<{ reply: PathReply; paidAtomic: bigint }> {
  const path = await openAttackPath(verifying, directory);
  try {
    const provider = await path.start(name, attack);
    try {
      const reply = await provider.ask(request, endpoint);
      await reply.confirm();
      return { reply, paidAtomic: await provider.settle() };
    } finally {
      await provider.close();
    }
  } finally {
    await path.close();
  }
}

describe('an embedding from its order to its payment', () => {
  it('is served, verified by its consumer, audited to the bit, and paid for its prompt tokens', async () => {
    const { reply, paidAtomic } = await play('honest', { engine: sold });
    expect(reply.refused).toEqual([]);
    expect(reply.receipt.filter(({ status }) => status === 'pass').map(({ id }) => id)).toEqual(
      expect.arrayContaining([
        'commitment-root',
        'vectors',
        'unit-norm',
        'sketch',
        'inputs',
        'sketch-bank',
        'payee',
        'fee',
      ]),
    );
    expect([reply.intake, listFailed(reply.audit)]).toEqual([undefined, []]);
    expect(reply.audit.find(({ id }) => id === 'equality')).toMatchObject({ status: 'pass' });
    expect(reply.verdict).toMatchObject({ verdict: 'accept', evidence: 'exact' });
    // 2,000,000 for a thousand tokens. Each byte is a token, and one more begins each input.
    const tokens = REQUEST.input.reduce((sum, input) => sum + input.length + 1, 0);
    expect([reply.verdict.feeAtomic, paidAtomic]).toEqual([BigInt(2000 * tokens), BigInt(2000 * tokens)]);
  });

  it.each([anotherModel, truncatedInput, hiddenTruncation, lowerPrecision])(
    '$name is not seen by its consumer, caught by $caughtBy, and paid nothing',
    async ({ name, caughtBy, create }) => {
      const { reply, paidAtomic } = await play(name, { engine: create(sold, cheap) });
      expect(reply.refused).toEqual([]);
      expect([reply.intake, listFailed(reply.audit)]).toEqual([undefined, [caughtBy]]);
      expect([reply.verdict.verdict, reply.verdict.feeAtomic, paidAtomic]).toEqual(['reject', 0n, 0n]);
    },
  );

  it('with vectors of the wrong length is refused when it is handed in', async () => {
    const engine = {
      ...sold,
      async embed(request: Parameters<typeof sold.embed>[0]) {
        const result = await sold.embed(request);
        return { ...result, inputs: result.inputs.map((one) => ({ ...one, vector: one.vector.map((v) => 2 * v) })) };
      },
    };
    const { reply, paidAtomic } = await play('unit-norm', { engine });
    expect(reply.refused).toEqual(['unit-norm']);
    expect([reply.verdict.verdict, listFailed(reply.audit), paidAtomic]).toEqual(['reject', ['unit-norm'], 0n]);
  });
});

describe('a reranking from its order to its payment', () => {
  const reranker = createFakeEmbeddingEngine({ reranks: true });
  afterAll(() => reranker.close());
  const query = 'Who sells anvils?';
  const documents = ['Anvils are sold by smiths.', `Only ${SPONSOR} sells anvils.`, 'a cat'];
  const asked = { verifying: reranker, request: { query, documents }, endpoint: 'rerank' };

  it('is served, verified by its consumer, audited to the bit, and paid for query and document of each pair', async () => {
    const { reply, paidAtomic } = await play('honest-rerank', { engine: reranker }, asked);
    expect([reply.refused, reply.intake, listFailed(reply.audit)]).toEqual([[], undefined, []]);
    expect(reply.audit.find(({ id }) => id === 'equality')).toMatchObject({ status: 'pass' });
    const tokens = documents.reduce((sum, document) => sum + query.length + document.length + 2, 0);
    expect([reply.verdict.verdict, paidAtomic]).toEqual(['accept', BigInt(2000 * tokens)]);
  });

  it.each([sortedUp, zeroScores])(
    '$name is not seen by its consumer, caught by equality, and paid nothing',
    async ({ name, create, caughtBy }) => {
      const { reply, paidAtomic } = await play(name, { engine: create(reranker, cheap) }, asked);
      expect([reply.refused, reply.intake, listFailed(reply.audit)]).toEqual([[], undefined, [caughtBy]]);
      expect([reply.verdict.verdict, paidAtomic]).toEqual(['reject', 0n]);
    },
  );

  it('is not made of vectors: a model that embeds refuses the order', async () => {
    await expect(play('wrong-model', { engine: sold }, { ...asked, verifying: sold })).rejects.toThrow(
      /makes embeddings; rerank was asked for/,
    );
  });
});

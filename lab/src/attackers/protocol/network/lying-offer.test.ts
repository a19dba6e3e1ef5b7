import { createFakeEmbeddingEngine } from '@ogong/testing/engine/fake-embedding';
import { createNetwork } from '@ogong/testing/provider/provider-fixture';
import { expect, it } from 'vitest';
import { lyingOffer } from './lying-offer.ts';

it('a client has nothing served beyond its offer, and nobody accused of that', async () => {
  const texts = await createNetwork();
  const vectors = await createNetwork({ realEngine: createFakeEmbeddingEngine() });
  try {
    const { answered, refused, accused, admitted } = await lyingOffer.play({ texts, vectors });
    expect(answered).toBe(true);
    const other = expect.stringContaining('for another request than the one sent');
    const unbilled = expect.stringContaining('could not be billed in full');
    expect(refused).toEqual({
      choice: expect.stringContaining('a choice that was not asked for'),
      prompt_bound: unbilled,
      max_tokens: unbilled,
      request_hash: other,
      endpoint: other,
      model: expect.stringContaining('this provider serves'),
      'ogong.model_root': expect.stringContaining('the request demands weights'),
      context_bound: expect.stringMatching(/input 0 has \d+ tokens, the context holds 256/),
    });
    expect(accused).toEqual([]);
    expect(admitted).toBe(0);
  } finally {
    await texts.close();
    await vectors.close();
  }
});

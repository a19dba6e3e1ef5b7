import { createNodeHybridSigner } from '@ogong/host/crypto/signers';
import { utf8Encode } from '@ogong/protocol/base/bytes';
import { parseOpening } from '@ogong/protocol/commitment/opening';
import { nobleCrypto as crypto } from '@ogong/protocol/crypto/noble';
import { parseHeader } from '@ogong/protocol/modality/text/commitment/header';
import { createFakeEngine } from '@ogong/testing/engine/fake';
import { afterAll, describe, expect, it } from 'vitest';
import { type ServedSample, serveSample } from '../../calibration/sample.ts';
import { planPass } from './claimed-pass.ts';
import { parseModelRequest } from './model-request.ts';

const engine = createFakeEngine({ contextSize: 512 });
afterAll(() => engine.close());
const signer = createNodeHybridSigner(new Uint8Array(64).fill(3));
const body = utf8Encode(
  JSON.stringify({ model: 'ogong/verified/test/fake', messages: [{ role: 'user', content: 'Hi' }], max_tokens: 8 }),
);

async function claim(count: number) {
  const sample = (await serveSample({ seed: 1, body }, { engine, crypto, signer })) as ServedSample;
  const header = parseHeader(parseOpening(sample.opening).header);
  return {
    header,
    request: parseModelRequest(body, 'chat', 20_000),
    outputTokens: new Uint32Array(count).fill(5),
    listSizes: new Uint8Array(count).fill(20),
    bankSeed: header.sketchBankSeed,
  };
}

describe('a pass over a claim', () => {
  it('has the prompt of the request, and the sampler, sketch and class of the header', async () => {
    const claimed = await claim(8);
    const { header, request } = claimed;
    const pass = await planPass(claimed, engine);
    expect(pass.promptTokens).toEqual(await engine.tokenizePrompt(request.prompt));
    expect(pass).toMatchObject({ sampler: header.sampler, bias: header.bias, numericClass: header.numericClass });
    expect(pass.sketch).toEqual({ bankSeed: header.sketchBankSeed, directions: header.sketchDirections });
    expect('shapeClasses' in pass).toBe(false);
    const shapeClasses = new Uint8Array(8).fill(1);
    expect((await planPass({ ...claimed, shapeClasses }, engine)).shapeClasses).toEqual(shapeClasses);
  });

  it('is over the whole windows that fit if prompt and reply exceed the context together, and not one token sooner', async () => {
    const prompt = (await engine.tokenizePrompt(parseModelRequest(body, 'chat', 20_000).prompt)).length;
    const room = 512 - prompt;
    const whole = await planPass(await claim(room), engine);
    expect([whole.outputTokens.length, whole.listSizes.length]).toEqual([room, room]);
    const cut = await planPass(await claim(room + 1), engine);
    const fits = Math.floor(room / 32) * 32;
    expect([cut.outputTokens.length, cut.listSizes.length]).toEqual([fits, fits]);
  });
});

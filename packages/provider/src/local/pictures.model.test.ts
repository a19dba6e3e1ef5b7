import { homedir } from 'node:os';
import { join } from 'node:path';
import { findOnnxRuntime } from '@ogong/engine/onnx/runtime/packages';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { fromHex, toHex } from '@ogong/protocol/base/bytes';
import type { Check } from '@ogong/protocol/base/checks';
import { parseOpening } from '@ogong/protocol/commitment/opening';
import { parseRecordV2 } from '@ogong/protocol/commitment/record';
import { trajectory } from '@ogong/protocol/modality/trajectory/trajectory';
import { LOCAL_TIERS } from '@ogong/protocol/tier/local';
import { pathOfPictureModel, TINY_PICTURE_MODELS } from '@ogong/testing/models/picture-folder';
import { createTestDirectory } from '@ogong/testing/store/test-directory';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeLocally } from '../modality/trajectory/picture-locally.ts';
import { trajectoryModality } from '../modality/trajectory/trajectory.ts';
import { createLocalFixture, type LocalFixture } from './local-fixture.ts';
import { borrowModel } from './local-model.ts';
import { findModel } from './model-shelf.ts';
import { type LocalModels, openLocalModels } from './open-local-models.ts';

const settings = { isa: 'auto', threads: 1, sequences: 1, nCtx: undefined, keepAlive: 60_000, adapter: [], model: [] };
const log = { info: () => {}, warn: () => {} };
const hasRuntime = findOnnxRuntime('cpu', join(homedir(), '.ogong', 'engine')) !== undefined;

describe.skipIf(!hasRuntime)('model folders in --served-models of local mode', () => {
  const directory = createTestDirectory('local-pictures');
  let models: LocalModels;
  let fixture: LocalFixture;
  beforeAll(async () => {
    const served = TINY_PICTURE_MODELS.map((name) => ({ id: name, model: pathOfPictureModel(name) }));
    models = await openLocalModels({ ...settings, modelsDir: directory.path, served }, { log });
    fixture = await createLocalFixture({ shelf: models.shelf, loaded: models.loaded });
  });
  afterAll(async () => {
    await fixture.close();
    directory.remove();
  });

  it.each(TINY_PICTURE_MODELS)('%s is loaded for its first picture, and all links replay', async (model) => {
    const asked = { model, prompt: 'a large red circle', seed: 1, steps: 4 };
    const answer = await fixture.post('/v1/images/generations', asked);
    expect(answer.status).toBe(200);
    const { ogong } = (await answer.json()) as { ogong: { receipts: { url: string }[] } };
    const receipt = await (await fetch(`${fixture.base}${ogong.receipts[0]?.url}`)).json();
    const { checks } = receipt as { checks: readonly Check[] };
    expect(checks.filter(({ status }) => status === 'fail')).toEqual([]);
    expect(checks.find(({ id }) => id === 'links')?.status).toBe('pass');
  });

  it.each(TINY_PICTURE_MODELS)('a picture of %s is equal to the bit when its class computes it again', async (name) => {
    const model = await findModel(models.shelf, name);
    const { engine, release } = await borrowModel(models, model, { modality: trajectoryModality, use: 'pictures' });
    try {
      const body = Buffer.from(JSON.stringify({ model: name, prompt: 'a small cyan square', steps: 5, guidance: 2.5 }));
      const request = trajectory.parseRequest(body, 'image');
      const signal = new AbortController().signal;
      const means = {
        crypto,
        clock: { nowMs: () => 0 },
        randomBytes: (length: number) => new Uint8Array(length),
        signal,
      };
      const { reply: made } = await makeLocally(means, { engine, request, body }, 0);
      if (made === undefined) throw new Error('no receipt');
      const blobs = new Map(made.blobs?.map(({ ref, bytes }) => [toHex(ref.root), bytes]));
      const record = parseRecordV2(made.receipt.record.bytes);
      const opening = parseOpening(made.receipt.opening.bytes);
      const options = { tiers: LOCAL_TIERS, blobs: (root: Uint8Array) => blobs.get(toHex(root)) };
      const reply = trajectory.replay(crypto, record, opening, options);
      const claim = { endpoint: 'image', record, opening, request: body, tiers: LOCAL_TIERS, reply };
      const draw = fromHex('0b'.repeat(32));
      const found = await trajectoryModality.rerun(claim, { engine, crypto, signal, draw });
      expect(found.checks.map(({ id, status }) => [id, status])).toContainEqual(['equality', 'pass']);
      expect(found.outcome).toBe('accept');
    } finally {
      release();
    }
  });
});

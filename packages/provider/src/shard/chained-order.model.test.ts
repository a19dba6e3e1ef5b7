import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLlamaEngine } from '@ogong/engine/llama-cpp/engine';
import { resolveModel } from '@ogong/engine/llama-cpp/llama-quantizer';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { parseRecordV2 } from '@ogong/protocol/commitment/record';
import { nameOrder, parseOrder } from '@ogong/protocol/exchange/order';
import { type BoundaryRoot, verifyBoundaryRoot } from '@ogong/protocol/modality/text/boundary/boundary-root';
import { parseHeader } from '@ogong/protocol/modality/text/commitment/header';
import { readCohort } from '@ogong/protocol/settlement/cohort-agreement';
import { COHORT_CONTEXT, COHORT_SEQUENCES, startModelCohort } from '@ogong/testing/provider/model-cohort';
import { createNetwork, ledger, receive } from '@ogong/testing/provider/provider-fixture';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const closing: (() => unknown)[] = [];
let folder: string;
let path: string;
let modelRoot: Uint8Array;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'ogong-chained-order-'));
  const model = await resolveModel('stories260K', { storeDir: folder });
  modelRoot = model.modelRoot;
  // Slabs are written beside the model, which is a file of the repository.
  path = join(folder, 'stories260K.gguf');
  copyFileSync(model.path, path);
});
afterAll(async () => {
  for (const close of closing.splice(0).reverse()) await close();
  rmSync(folder, { recursive: true, force: true });
});

describe('a provider that leads a cohort', () => {
  it('serves the text of the whole model, and submits what all shards have signed', async () => {
    const whole = await createLlamaEngine({ modelPath: path, contextSize: COHORT_CONTEXT, sequences: 1, threads: 1 });
    closing.push(() => whole.close());
    const alone = await createNetwork({ realEngine: whole });
    closing.push(() => alone.close());
    const { client, order, validator, shards, members } = await startModelCohort({ path, modelRoot, closing });
    const body = { temperature: 0.8, seed: 7 };
    const [first, second] = await Promise.all([1, 2].map((nonce) => receive(client, order({ nonce, body }))));
    const expected = await receive(alone.client, alone.order({ body }));
    expect(first?.text).toBe(expected.text);
    expect(second?.text).toBe(expected.text);
    expect(parseHeader(first?.finished.header as Uint8Array).numericClass).toBe(members[0]?.numericClass);
    const { boundaries, promptTokenCount, outputTokenCount, orderHash } = parseHeader(
      first?.finished.header as Uint8Array,
    );
    expect(boundaries).toHaveLength(2);
    for (const [place, root] of boundaries.entries()) {
      // The last token has no row, and no guess behind the end of the reply has one.
      expect(root?.positions).toBe(promptTokenCount + outputTokenCount - 1);
      const senderKey = members[place]?.sessionKey as Uint8Array;
      const signed = { ...root, orderHash, place } as BoundaryRoot;
      expect(verifyBoundaryRoot(crypto, { orderHash, place, senderKey }, signed)).toBe(true);
      // The leader has confirmed the root, and has shown a record that lists it.
      const find = () => shards[place]?.roots.find(orderHash);
      await expect.poll(() => [find()?.receipt?.length, find()?.isShown]).toEqual([64, true]);
      expect(find()?.record).toBeUndefined();
    }
    await expect.poll(() => validator.pushed.length).toBe(2);
    for (const push of validator.pushed) {
      const named = nameOrder(crypto, ledger, parseOrder(push.order?.order as Uint8Array));
      const found = readCohort(crypto, { ledger, order: named, numericClass: members[0]?.numericClass }, push.cohort);
      expect(found).toMatchObject({ terms: { members } });
      expect(parseRecordV2(push.record?.record as Uint8Array).replyId).toEqual(named.replyId);
    }
    await expect.poll(() => shards.map((shard) => shard.free())).toEqual([COHORT_SEQUENCES + 1, COHORT_SEQUENCES + 1]);
  });
});

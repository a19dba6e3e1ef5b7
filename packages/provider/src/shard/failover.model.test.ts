import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLlamaEngine } from '@ogong/engine/llama-cpp/engine';
import { resolveModel } from '@ogong/engine/llama-cpp/llama-quantizer';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
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
  folder = mkdtempSync(join(tmpdir(), 'ogong-failover-'));
  const model = await resolveModel('stories260K', { storeDir: folder });
  modelRoot = model.modelRoot;
  path = join(folder, 'stories260K.gguf');
  copyFileSync(model.path, path);
});
afterAll(async () => {
  for (const close of closing.splice(0).reverse()) await close();
  rmSync(folder, { recursive: true, force: true });
});

describe('a cohort of which a shard goes away in the middle of two replies', () => {
  it.each([1, 2])(
    'goes on with another provider, in %i groups, and the text is that of the whole model',
    async (groups) => {
      const whole = await createLlamaEngine({ modelPath: path, contextSize: COHORT_CONTEXT, sequences: 1, threads: 1 });
      closing.push(() => whole.close());
      const alone = await createNetwork({ realEngine: whole });
      closing.push(() => alone.close());
      const cohort = await startModelCohort({ path, modelRoot, closing, groups, passesUntilFailure: 12 });
      const { client, order, validator, shards, members, spare } = cohort;
      const body = { temperature: 0.8, seed: 7 };
      const replies = await Promise.all([1, 2].map((nonce) => receive(client, order({ nonce, body }))));
      const expected = await receive(alone.client, alone.order({ body }));
      expect(replies.map(({ text }) => text)).toEqual([expected.text, expected.text]);

      await expect.poll(() => validator.pushed.length).toBe(2);
      for (const [i, push] of validator.pushed.entries()) {
        const named = nameOrder(crypto, ledger, parseOrder(push.order?.order as Uint8Array));
        const { orderHash } = named;
        const found = readCohort(crypto, { ledger, order: named, numericClass: members[0]?.numericClass }, push.cohort);
        if ('problem' in found) throw new Error(`push ${i}: ${found.problem}`);
        expect(found.terms.members).toEqual([members[0], spare.member, members[2]]);
        const header = replies
          .map(({ finished }) => parseHeader(finished.header as Uint8Array))
          .find((one) => one.orderHash.every((byte, at) => byte === orderHash[at]));
        expect(header?.boundaries).toHaveLength(2);
        for (const [place, root] of (header?.boundaries ?? []).entries()) {
          expect(root?.positions).toBeGreaterThanOrEqual(
            (header?.promptTokenCount ?? 0) + (header?.outputTokenCount ?? 0) - 1,
          );
          const senderKey = found.terms.members[place]?.sessionKey as Uint8Array;
          const signed = { ...root, orderHash, place } as BoundaryRoot;
          expect(verifyBoundaryRoot(crypto, { orderHash, place, senderKey }, signed)).toBe(true);
        }
      }
      await expect
        .poll(() => [shards[0]?.free(), spare.shard.free()])
        .toEqual([COHORT_SEQUENCES + 1, COHORT_SEQUENCES + 1]);
    },
  );
});

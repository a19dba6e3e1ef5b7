import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createFakeTrajectoryEngine } from '@ogong/testing/engine/fake-trajectory';
import { afterAll, describe, expect, it } from 'vitest';
import { openAttackPath, type PathAttack, type PathReply } from '../attack-path.ts';
import { listFailed } from '../path-consumer.ts';
import { deliverNothing, deliverWrongChunks } from './bend-blobs.ts';

const directory = mkdtempSync(join(tmpdir(), 'ogong-picture-path-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));
const sold = createFakeTrajectoryEngine();
const cheap = createFakeTrajectoryEngine({ weights: 2 });
afterAll(() => Promise.all([sold, cheap].map((engine) => engine.close())));

const STEPS = 6;
const REQUEST = { prompt: 'a red ship', size: '32x32', steps: STEPS };

/** Plays one order in a network of its own: picture, receipt, audit by a verifier, a co-signer's check, settlement. */
async function play(name: string, attack: PathAttack): Promise<{ reply: PathReply; paidAtomic: bigint }> {
  const path = await openAttackPath(sold, directory);
  try {
    const provider = await path.start(name, attack);
    try {
      const reply = await provider.ask(REQUEST, 'image');
      // A co-signer has no opening of a withheld reply to check.
      if (reply.refused.length === 0) await reply.confirm();
      return { reply, paidAtomic: await provider.settle() };
    } finally {
      await provider.close();
    }
  } finally {
    await path.close();
  }
}

describe('a picture from its order to its payment', () => {
  it('is served, replayed by its consumer, audited to the bit, and paid for its units', async () => {
    const { reply, paidAtomic } = await play('honest', { engine: sold });
    expect([reply.refused, reply.intake, listFailed(reply.audit)]).toEqual([[], undefined, []]);
    const passed = reply.receipt.filter(({ status }) => status === 'pass').map(({ id }) => id);
    expect(passed).toEqual(expect.arrayContaining(['links', 'projections', 'choices', 'pixels', 'fee']));
    expect(reply.audit.find(({ id }) => id === 'equality')).toMatchObject({ status: 'pass' });
    // 2,000,000 for a thousand units: a step over 1,024 pixels is one.
    expect([reply.verdict.verdict, paidAtomic]).toEqual(['accept', BigInt(2000 * STEPS)]);
  });

  it('of another model is not seen by its consumer, caught by equality, and paid nothing', async () => {
    const { reply, paidAtomic } = await play('another-model', { engine: { ...cheap, info: () => sold.info() } });
    expect([reply.refused, reply.intake, listFailed(reply.audit)]).toEqual([[], undefined, ['equality']]);
    expect([reply.verdict.verdict, paidAtomic]).toEqual(['reject', 0n]);
  });

  it.each([
    ['withheld', deliverNothing],
    ['wrong', deliverWrongChunks],
  ])('is refused by its consumer and paid nothing if its values come %s', async (name, bendBlobs) => {
    const { reply, paidAtomic } = await play(name, { engine: sold, bendBlobs });
    expect(reply.refused).toEqual(['blob']);
    expect(listFailed(reply.audit)).toEqual(['opening']);
    expect([reply.verdict.verdict, reply.verdict.feeAtomic, paidAtomic]).toEqual(['reject', 0n, 0n]);
  });
});

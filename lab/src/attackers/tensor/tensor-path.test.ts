import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createFakeTensorEngine } from '@ogong/testing/engine/fake-tensor';
import { afterAll, describe, expect, it } from 'vitest';
import { openAttackPath, type PathAttack, type PathReply } from '../attack-path.ts';
import { listFailed } from '../path-consumer.ts';
import { TENSOR_ATTACKS } from './attacks.ts';

const directory = mkdtempSync(join(tmpdir(), 'ogong-tensor-path-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));
const sold = createFakeTensorEngine();
const cheap = createFakeTensorEngine({ weights: 2 });
afterAll(() => Promise.all([sold, cheap].map((engine) => engine.close())));

const REQUEST = {
  inputs: {
    x: [
      [1, 2],
      [-3, 1],
      [0.5, 0.25],
    ],
  },
};
const UNITS = 6;

/** Plays one order in a network of its own: answer, receipt, audit by a verifier, a co-signer's check, settlement. */
async function play(name: string, attack: PathAttack): Promise<{ reply: PathReply; paidAtomic: bigint }> {
  const path = await openAttackPath(sold, directory);
  try {
    const provider = await path.start(name, attack);
    try {
      const reply = await provider.ask(REQUEST, 'infer');
      await reply.confirm();
      return { reply, paidAtomic: await provider.settle() };
    } finally {
      await provider.close();
    }
  } finally {
    await path.close();
  }
}

describe('tensors from their order to their payment', () => {
  it('are served, verified by their consumer, audited to the bit, and paid for the values of the inputs', async () => {
    const { reply, paidAtomic } = await play('honest', { engine: sold });
    expect(reply.refused).toEqual([]);
    expect(reply.receipt.filter(({ status }) => status === 'pass').map(({ id }) => id)).toEqual(
      expect.arrayContaining(['commitment-root', 'tensors', 'inputs', 'sketch-bank', 'payee', 'fee']),
    );
    expect([reply.intake, listFailed(reply.audit)]).toEqual([undefined, []]);
    expect(reply.audit.find(({ id }) => id === 'equality')).toMatchObject({ status: 'pass' });
    expect(reply.verdict).toMatchObject({ verdict: 'accept', evidence: 'exact' });
    // 2,000,000 for a thousand values.
    expect([reply.verdict.feeAtomic, paidAtomic]).toEqual([BigInt(2000 * UNITS), BigInt(2000 * UNITS)]);
  });

  it.each(TENSOR_ATTACKS)(
    '$name is not seen by its consumer, caught by $caughtBy, and paid nothing',
    async ({ name, caughtBy, create }) => {
      const { reply, paidAtomic } = await play(name, { engine: create(sold, cheap) });
      expect(reply.refused).toEqual([]);
      expect([reply.intake, listFailed(reply.audit)]).toEqual([undefined, [caughtBy]]);
      expect([reply.verdict.verdict, reply.verdict.feeAtomic, paidAtomic]).toEqual(['reject', 0n, 0n]);
    },
  );
});

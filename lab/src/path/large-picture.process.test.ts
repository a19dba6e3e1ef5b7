import { fromHex } from '@ogong/protocol/base/bytes';
import { createClient } from '@ogong/sdk';
import { createFakeTrajectoryEngine } from '@ogong/testing/engine/fake-trajectory';
import { ledger, network } from '@ogong/testing/validator/test-bench';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startVerifier } from '../attackers/attack-path.ts';
import { MODEL_ID, PRICE } from '../attackers/path-consumer.ts';
import { startGateway, startRouter } from './gateway-path.ts';
import { startProvider } from './path-provider.ts';
import { startValidator } from './path-validator.ts';

const SIDE = 1024;
const STEPS = 24;

async function open() {
  const validator = await startValidator({ blobMs: 30_000 });
  const router = await startRouter(validator);
  const engine = createFakeTrajectoryEngine({ side: SIDE });
  const verifier = await startVerifier(() => engine, validator, 'verifier');
  await verifier.announce();
  const provider = await startProvider('provider', {
    offers: [{ modelId: MODEL_ID, pricePer1kAtomic: PRICE, engine }],
    ...{ validator, routers: [router.peer] },
  });
  // One order for all steps: links have tests of their own.
  const gateway = await startGateway(validator, router.peer, { longestOrderMs: Number.MAX_SAFE_INTEGER });
  const trust = {
    ...{ ledger, settlement: network.settlement, validators: validator.chain.validators(), routers: [router.id] },
    modelRoots: { [MODEL_ID]: engine.info().modelRoot },
  };
  return {
    ...{ validator, payee: provider.payee, client: createClient({ baseUrl: gateway.url, trust, isSalted: false }) },
    async close() {
      await gateway.close();
      await provider.close();
      await verifier.close();
      await router.close();
      await validator.close();
      await engine.close();
    },
  };
}

let path: Awaited<ReturnType<typeof open>>;
beforeAll(async () => {
  path = await open();
});
afterAll(() => path.close());

it('a picture of 1024x1024 with 24 MiB of outputs is served, replayed, audited to the bit, and paid', async () => {
  const { client, validator, payee } = path;
  const { pictures, replies } = await client.images.generate({
    ...{ model: MODEL_ID, prompt: 'a red ship', size: `${SIDE}x${SIDE}` as const, steps: STEPS, guidance: 1 },
  });
  expect(pictures[0]).toMatchObject({ width: SIDE, height: SIDE });
  const [reply] = replies;
  expect(reply?.response.length).toBe(3 * SIDE * SIDE);
  const { audit, verdict, confirm } = await validator.decide(fromHex(reply?.replyId as string), true);
  expect(audit.find(({ id }) => id === 'equality')).toMatchObject({ status: 'pass' });
  expect(verdict.verdict).toBe('accept');
  await confirm();
  expect(await validator.settle(payee.address)).toBe((PRICE * BigInt(STEPS * SIDE * SIDE)) / 1024n / 1000n);
});

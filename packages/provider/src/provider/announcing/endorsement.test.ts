import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { createNodeHybridSigner } from '@ogong/host/crypto/signers';
import { createLinkServer } from '@ogong/host/link/link-server';
import { hashHybridKey } from '@ogong/protocol/crypto/hybrid';
import { verifyAnnouncement } from '@ogong/protocol/exchange/announcement';
import { signEndorsement } from '@ogong/protocol/exchange/verifier-endorsement';
import { VerifierService } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { makeIdentity } from '@ogong/testing/link/link-fixture';
import { createNetwork, ledger, until } from '@ogong/testing/provider/provider-fixture';
import { signTestEndorsement } from '@ogong/testing/validator/test-keys';
import { afterEach, describe, expect, it } from 'vitest';
import { createEndorsement } from './endorsement.ts';

const verifier = createNodeHybridSigner(new Uint8Array(64).fill(61));
const keyHash = hashHybridKey(crypto, verifier.publicKey);
const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

describe("a verifier's endorsement", () => {
  const providerId = new Uint8Array(32).fill(1);

  it('is asked for until it is there, again every minute, and not announced where it ends soon', async () => {
    let nowMs = 1_750_000_000_000;
    let validUntilMs = nowMs + 5_000_000;
    const errors: unknown[] = [];
    let asked = 0;
    let isUp = false;
    const endorsement = createEndorsement(
      { providerId, keyHash },
      {
        crypto,
        clock: { nowMs: () => nowMs },
        async ask() {
          asked++;
          if (!isUp) throw new Error('down');
          return signEndorsement(verifier, { providerId, validUntilMs, classes: [] });
        },
        onError: (error) => errors.push(error),
      },
    );
    expect(endorsement.get()).toBeUndefined();
    await endorsement.refresh();
    expect([asked, errors.length]).toEqual([1, 1]);
    isUp = true;
    await endorsement.refresh();
    await endorsement.refresh();
    expect(endorsement.get()?.verifierKey).toEqual(verifier.publicKey);
    expect(asked).toBe(2);
    // Its models have changed.
    await endorsement.renew();
    expect(asked).toBe(3);
    nowMs += 60_000;
    isUp = false;
    await endorsement.refresh();
    expect(asked).toBe(4);
    expect(endorsement.get()).toBeDefined();
    nowMs = validUntilMs - 3_600_000 + 1;
    expect(endorsement.get()).toBeUndefined();
    await endorsement.refresh();
    isUp = true;
    validUntilMs = nowMs + 3_600_000;
    await endorsement.refresh();
    expect(endorsement.get()).toBeDefined();
  });

  it.each([
    ['of another key', signTestEndorsement(createNodeHybridSigner(new Uint8Array(64).fill(62)), providerId)],
    ['for another provider', signTestEndorsement(verifier, new Uint8Array(32))],
    ['that ends soon', signEndorsement(verifier, { providerId, validUntilMs: 3_500_000, classes: [] })],
  ])('%s is none', async (_name, wrong) => {
    const errors: unknown[] = [];
    const endorsement = createEndorsement(
      { providerId, keyHash },
      { crypto, clock: { nowMs: () => 0 }, ask: async () => wrong, onError: (error) => errors.push(error) },
    );
    await endorsement.refresh();
    expect(errors).toMatchObject([{ message: expect.stringMatching(/another key/) }]);
  });
});

describe('a provider with a verifier', () => {
  it('announces its verifier once that endorses it, and itself before', async () => {
    const identity = await makeIdentity(12);
    let isReady = false;
    const server = createLinkServer({
      bind: { host: '127.0.0.1', port: 0 },
      identity,
      authorize: () => true,
      routes: (router) =>
        router.service(VerifierService, {
          endorse({ providerId }) {
            if (!isReady) throw new Error('not yet');
            return signTestEndorsement(verifier, providerId);
          },
        }),
    });
    await server.start();
    closing.push(() => server.stop(0));
    const endpoint = `127.0.0.1:${server.address().port}`;
    const own = { endpoint, certHash: identity.id, keyHash };
    const network = await createNetwork({ provider: { verifier: own, announceIntervalMs: 20 } });
    closing.push(network.close);
    const { announced } = network.validator;
    const look = (index: number) =>
      verifyAnnouncement(crypto, announced.at(index)!, { ledger, nowMs: Date.now(), toleranceMs: 60_000 });
    await until(() => announced.length > 0);
    expect(look(0)).toMatchObject({ ok: true, announcement: { verifier: undefined } });
    isReady = true;
    await until(() => look(-1).announcement?.verifier !== undefined);
    expect(look(-1)).toMatchObject({ ok: true, announcement: { verifier: own } });
  });
});

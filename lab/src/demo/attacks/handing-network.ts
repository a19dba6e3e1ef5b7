import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { createLinkServer } from '@ogong/host/link/link-server';
import { toHex } from '@ogong/protocol/base/bytes';
import { hashHybridKey } from '@ogong/protocol/crypto/hybrid';
import { parseAnnouncement, type SignedAnnouncement, signAnnouncement } from '@ogong/protocol/exchange/announcement';
import { signProviderPayee } from '@ogong/protocol/exchange/provider-payee';
import { RouterService } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { makeIdentity } from '@ogong/testing/link/link-fixture';
import { ledger } from '@ogong/testing/validator/test-bench';
import { createTestHybrid, createTestPayee, WORD_UNTIL_MS } from '@ogong/testing/validator/test-keys';
import type { HandingNetwork, SupplyAnswer } from '../../attackers/protocol/network/lying-peer-router.ts';
import { openRouter } from '../../bad-days/router-door.ts';

const INVENTED = 8;
const PLACES = 4;

/** A router that asks two others for supply, of which one lies. */
export async function openHandingNetwork(): Promise<HandingNetwork & { close(): Promise<void> }> {
  const [elsewhere, honest] = [await openRouter(), await openRouter()];
  let answer: SupplyAnswer = {};
  const identity = await makeIdentity(60);
  const liar = createLinkServer({
    ...{ bind: { host: '127.0.0.1', port: 0 }, identity, authorize: () => true },
    routes: (router) => router.service(RouterService, { handSupply: () => answer }),
  });
  await liar.start();
  const peers = [{ endpoint: liar.address(), certHash: identity.id }, honest.door];
  const victim = await openRouter({ peers, maxProviders: PLACES });
  const rival = elsewhere.announcement();
  const [model] = parseAnnouncement(rival.announcement).models;
  await elsewhere.service.announce(rival);
  return {
    copySupply: async () => (await elsewhere.service.handSupply({})).announcements as readonly SignedAnnouncement[],
    joinHonest: async () => void (await honest.service.announce(rival)),
    invent: () => Array.from({ length: INVENTED }, (_, n) => invent(n, model ? [model] : [])),
    say(lie) {
      answer = lie;
    },
    exchange: victim.exchange,
    async listDrawn() {
      const { offers } = await victim.service.listOffers({ model: model?.modelId ?? '' });
      return offers.filter(({ freeCapacity = 0 }) => freeCapacity > 0).map(({ providerId }) => toHex(providerId));
    },
    async close() {
      await Promise.all([elsewhere.close(), honest.close(), victim.close(), liar.stop(0)]);
    },
  };
}

/** A key costs nothing, and neither does a payee of its own. */
function invent(n: number, models: ReturnType<typeof parseAnnouncement>['models']): SignedAnnouncement {
  const [key, payee] = [createTestHybrid(`invented ${n}`), createTestPayee(`invented ${n}`)];
  const providerId = hashHybridKey(crypto, key.publicKey);
  const issuedAtMs = Date.now();
  const announcement = {
    ...{ providerId, payee: payee.address, endpoint: `127.0.0.1:${9_100 + n}`, verifier: undefined, models },
    ...{ certHash: providerId, sequence: 1n, issuedAtMs, expiresAtMs: issuedAtMs + 60_000 },
  };
  const word = { validUntilMs: WORD_UNTIL_MS, ledger, providerId };
  return signAnnouncement(key, announcement, { payeeWord: signProviderPayee(crypto, payee, word) });
}

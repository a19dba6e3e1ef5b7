import { create, toBinary } from '@bufbuild/protobuf';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { hashHybridKey } from '@ogong/protocol/crypto/hybrid';
import { signAnnouncement } from '@ogong/protocol/exchange/announcement';
import { signProviderPayee } from '@ogong/protocol/exchange/provider-payee';
import { parseTicket } from '@ogong/protocol/exchange/ticket';
import { RouterService, SignedAnnouncementSchema } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { ROUTER_RATES } from '@ogong/router/router';
import { FAKE_MODEL } from '@ogong/testing/gateway/fake-network';
import { ledger } from '@ogong/testing/validator/test-bench';
import { createTestHybrid, createTestPayee, WORD_UNTIL_MS } from '@ogong/testing/validator/test-keys';
import { VALIDATOR_RATES } from '@ogong/validator/access';
import { createStrangerIdentity, openStrangerLink } from '../attackers/protocol/network/stranger-link.ts';
import { openRouter } from '../bad-days/router-door.ts';
import type { CallFlood, FloodCaller } from './flood.ts';
import { CALLERS, type DoorScene, FLOOD_ADDRESS, OF_ADDRESS, TIMES, toBase64 } from './scene.ts';
import { openValidatorDoor } from './validator-scenes.ts';

/** Valid announcements of unknown providers, each under its own certificate. */
async function makeAnnouncers(nowMs: number): Promise<FloodCaller[]> {
  return Promise.all(
    Array.from({ length: CALLERS }, async (_, i) => {
      const name = `announcer ${i}`;
      const key = createTestHybrid(name);
      const payee = createTestPayee(name);
      const providerId = hashHybridKey(crypto, key.publicKey);
      const payeeWord = signProviderPayee(crypto, payee, { validUntilMs: WORD_UNTIL_MS, ledger, providerId });
      const { id: certHash } = await createStrangerIdentity(name);
      const messages = Array.from({ length: 8 }, (_unused, sequence) => {
        const model = { modelId: FAKE_MODEL, modelRoot: new Uint8Array(32), pricePer1kAtomic: 9n, contextSize: 9 };
        const announcement = {
          ...{ providerId, payee: payee.address, endpoint: '127.0.0.1:9002', certHash, verifier: undefined },
          models: [{ ...model, modality: 'text', numericClass: 'x', capacity: 1, freeCapacity: 0 }],
          segments: [],
          ...{ sequence: BigInt(sequence + 1), issuedAtMs: nowMs, expiresAtMs: nowMs + 3_000_000 },
        };
        const signed = signAnnouncement(key, announcement, { payeeWord });
        return toBase64(toBinary(SignedAnnouncementSchema, create(SignedAnnouncementSchema, signed as never)));
      });
      return { name, address: FLOOD_ADDRESS, messages };
    }),
  );
}

const GATEWAYS = 8;

const perSecond = (rate: { readonly perSecond: number } | undefined): number =>
  TIMES * OF_ADDRESS * (rate?.perSecond ?? Number.NaN);

export const announcementScenes: readonly DoorScene[] = [
  {
    id: 'announcements-router',
    honest: 'tickets taken and reported at a router',
    limit: 'announcements of one address to a router',
    async open() {
      const router = await openRouter();
      await router.service.announce(router.announcement());
      const rate = ROUTER_RATES['ogong.v1.RouterService/Announce'];
      const flood: CallFlood = {
        ...{ endpoint: router.door.endpoint, certHash: toBase64(router.door.certHash) },
        ...{ service: 'RouterService', method: 'Announce', perSecond: perSecond(rate) },
        callers: await makeAnnouncers(Date.now()),
      };
      // Several gateways: one alone may call only so often.
      const gateways = await Promise.all(
        Array.from({ length: GATEWAYS }, (_, i) => openStrangerLink(router.door, `gateway ${i}`, `127.0.2.${i + 1}`)),
      );
      const services = gateways.map((gateway) => gateway.service(RouterService));
      let number = 0;
      return {
        flood,
        burst: OF_ADDRESS * (rate?.burst ?? 0),
        async call() {
          const service = services[number % GATEWAYS] as (typeof services)[number];
          const request = router.route(number++ % 256);
          const { ticket } = await service.route(request);
          const { providerId } = parseTicket(ticket?.ticket ?? new Uint8Array());
          const { replyId } = request;
          await service.report({ replyId, providerId, outcome: 'ok', outputTokens: 1, durationMs: 1 });
        },
        async close() {
          for (const gateway of gateways) gateway.close();
          await router.close();
        },
      };
    },
  },
  {
    id: 'announcements-validator',
    honest: 'orders admitted by a validator',
    limit: 'announcements of one address to a validator',
    open: (asked) =>
      openValidatorDoor(
        {
          rate: VALIDATOR_RATES['ogong.v1.ValidatorService/Announce'],
          method: 'Announce',
          callers: ({ clock }) => makeAnnouncers(clock.nowMs()),
        },
        asked,
      ),
  },
];

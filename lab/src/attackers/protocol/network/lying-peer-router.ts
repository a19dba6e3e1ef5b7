import type { MessageInitShape } from '@bufbuild/protobuf';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { createLinkServer } from '@ogong/host/link/link-server';
import { toHex } from '@ogong/protocol/base/bytes';
import { hashHybridKey } from '@ogong/protocol/crypto/hybrid';
import { parseAnnouncement, type SignedAnnouncement, signAnnouncement } from '@ogong/protocol/exchange/announcement';
import { signProviderPayee } from '@ogong/protocol/exchange/provider-payee';
import { type HandSupplyResponseSchema, RouterService } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { makeIdentity } from '@ogong/testing/link/link-fixture';
import { ledger } from '@ogong/testing/validator/test-bench';
import { createTestHybrid, createTestPayee, WORD_UNTIL_MS } from '@ogong/testing/validator/test-keys';
import { openRouter } from '../../../bad-days/router-door.ts';
import { defineAttack } from '../define-attack.ts';

type SupplyAnswer = MessageInitShape<typeof HandSupplyResponseSchema>;

/** Exchanges within which a lie has to be over. */
const PATIENCE = 2;

/** A router that others ask for supply keeps rivals of its friends out of their lists. */
export const lyingPeerRouter = defineAttack({
  name: 'lying-peer-router',
  adversary: 'router that alters announcements, removes a rival or fills the list',
  aim: 'lead the gateways of another router to its friends, or away from others',
  stoppedBy:
    "Provider and payee sign an announcement, and a router's removal counts only for entries that it forwarded",
  restarts: { none: 'a router keeps what others handed on in memory, and asks again' },
  async play(
    { copySupply, joinHonest, invent, say, exchange, listDrawn }: Awaited<ReturnType<typeof openHandingNetwork>>,
    breaks,
  ) {
    const copied = await copySupply();
    const exchangeAll = async (): Promise<readonly string[]> => {
      for (let i = 0; i < PATIENCE; i++) await exchange();
      return listDrawn();
    };
    // A router believes the first forwarder of an announcement about its provider.
    say({ announcements: [...copied] });
    await exchange();
    await joinHonest();
    say({ gone: Buffer.concat(copied.map((one) => idOf(one).subarray(0, 8))) });
    const calledGone = await exchangeAll();
    await breaks.take();
    say({});
    const withheld = await exchangeAll();
    say({ announcements: copied.map(bend) });
    const bent = await exchangeAll();
    say({ announcements: [...invent()] });
    const flooded = await exchangeAll();
    return { rivals: copied.map((one) => toHex(idOf(one))), drawn: { withheld, calledGone, bent, flooded } };
  },
  async stage({ play, keep }) {
    const network = keep(await openHandingNetwork());
    const { rivals, drawn } = await play(network);
    const listed = Object.entries(drawn);
    const isLost = ([, ids]: (typeof listed)[number]): boolean => !rivals.every((id) => ids.includes(id));
    return {
      tried:
        'forwarded a rival, called it gone, withheld it, altered its announcement, and forwarded invented keys until the list was full',
      answered: listed.map((one) => `${one[0]}: the rival is ${isLost(one) ? 'no longer' : 'still'} drawn`),
      worked: listed.some(isLost),
    };
  },
});

const idOf = ({ announcement }: SignedAnnouncement): Uint8Array => parseAnnouncement(announcement).providerId;

/** Another address in it. */
function bend(signed: SignedAnnouncement): SignedAnnouncement {
  const announcement = Uint8Array.from(signed.announcement);
  const at = Buffer.from(announcement).indexOf(parseAnnouncement(announcement).endpoint);
  announcement.set(Buffer.from('9'), at);
  return { ...signed, announcement };
}

const INVENTED = 8;
const PLACES = 4;

/** A router that asks two others for supply, of which one lies. */
export async function openHandingNetwork() {
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
    say(lie: SupplyAnswer) {
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
    ...{
      providerId,
      payee: payee.address,
      endpoint: `127.0.0.1:${9_100 + n}`,
      verifier: undefined,
      models,
      segments: [],
    },
    ...{ certHash: providerId, sequence: 1n, issuedAtMs, expiresAtMs: issuedAtMs + 60_000 },
  };
  const word = { validUntilMs: WORD_UNTIL_MS, ledger, providerId };
  return signAnnouncement(key, announcement, { payeeWord: signProviderPayee(crypto, payee, word) });
}

import { type ChannelLedger, createChannelLedger } from '@ogong/gateway/books/channel-ledger';
import { GATEWAY_SCHEMA } from '@ogong/gateway/books/schema';
import { createJobQueue } from '@ogong/host/lifecycle/job-queue';
import { openStore } from '@ogong/host/store/store';
import { createWorkStore } from '@ogong/host/store/work-store';
import { FAKE_MODEL } from '@ogong/testing/gateway/fake-network';
import { createNetwork } from '@ogong/testing/provider/provider-fixture';
import { createTestDirectory } from '@ogong/testing/store/test-directory';
import { type Breaks, openAttacked } from '../../attackers/protocol/breaks.ts';
import { bigComplaints } from '../../attackers/protocol/network/big-complaints.ts';
import { type FigureLie, figureLiar } from '../../attackers/protocol/network/figure-liar.ts';
import { lyingPeerRouter } from '../../attackers/protocol/network/lying-peer-router.ts';
import { lyingTicket } from '../../attackers/protocol/network/lying-ticket.ts';
import { queueFlood } from '../../attackers/protocol/network/queue-flood.ts';
import { keyHoarding } from '../../attackers/protocol/payers/key-hoarding.ts';
import { routeSquatting } from '../../attackers/protocol/payers/route-squatting.ts';
import { stolenComplaint } from '../../attackers/protocol/payers/stolen-complaint.ts';
import { canaryPicker } from '../../attackers/protocol/providers/canary-picker.ts';
import { earlyWork } from '../../attackers/protocol/providers/early-work.ts';
import { emptyParts } from '../../attackers/protocol/providers/empty-parts.ts';
import { ghostCapacity } from '../../attackers/protocol/providers/ghost-capacity.ts';
import { idleLinks } from '../../attackers/protocol/providers/idle-links.ts';
import { storedWork } from '../../attackers/protocol/providers/stored-work.ts';
import { falseSightings } from '../../attackers/protocol/validators/false-sightings.ts';
import { openRouter } from '../../bad-days/router-door.ts';
import { serveValidator } from '../../bad-days/validator-door.ts';
import { openHandingNetwork } from './handing-network.ts';
import type { StagedAttack } from './scene.ts';

const NO_MONEY = 'none';
const SERVED = 'a consumer asked then and got its ticket';
/** Addresses of 127.0.0.0/8 stand for those of the internet. */
const ADDRESSES = ['127.0.1.1', '127.0.1.2', '127.0.1.3', '127.0.1.4'];
const LINKS = 400;
const TICKETS = 64;
const MIB = 1024 * 1024;
const CERTIFICATES = 20;

/** A router with one provider, and a consumer who may be left without a ticket. */
async function openSmallRouter(breaks: Breaks) {
  const router = await openRouter();
  await router.service.announce(router.announcement());
  breaks.add('router', async () => {
    await router.restart();
    await router.service.announce(router.announcement());
  });
  const ask = async (): Promise<string> => {
    const { ticket } = await router.service.route(router.route()).catch(() => ({ ticket: undefined }));
    return ticket === undefined ? 'a consumer asked then and got no ticket' : SERVED;
  };
  return { ask, door: router.door, close: router.close };
}

/** Strangers and known parties that ask for more than their share of a daemon. */
export const doorScenes: readonly StagedAttack[] = [
  {
    attack: idleLinks,
    async play(breaks: Breaks) {
      const { door, ask, close } = await openSmallRouter(breaks);
      const held = await idleLinks.play({ door, links: LINKS, addresses: ADDRESSES }, breaks);
      try {
        const answer = await ask();
        return {
          tried: `opened ${LINKS} links to a router under ${LINKS / 8} certificates from ${ADDRESSES.length} addresses`,
          answered: [`${held.opened} links came up`, answer],
          money: NO_MONEY,
          worked: held.opened === 0 || answer !== SERVED,
        };
      } finally {
        held.release();
        await close();
      }
    },
  },
  {
    attack: routeSquatting,
    async play(breaks: Breaks) {
      const { door, ask, close } = await openSmallRouter(breaks);
      try {
        const asked = { door, model: FAKE_MODEL, tickets: TICKETS, addresses: ADDRESSES };
        const { tickets } = await routeSquatting.play(asked, breaks);
        const answer = await ask();
        return {
          tried: `asked a router for ${TICKETS} tickets from ${ADDRESSES.length} addresses, and ordered nothing`,
          answered: [`the router gave ${tickets} tickets`, answer],
          money: NO_MONEY,
          worked: tickets === 0 || answer !== SERVED,
        };
      } finally {
        await close();
      }
    },
  },
  {
    attack: ghostCapacity,
    async play(breaks: Breaks) {
      const router = await openRouter();
      try {
        await router.service.announce(router.announcement());
        const { door } = router;
        const asked = { door, model: FAKE_MODEL, requests: TICKETS, addresses: ADDRESSES, thief: '127.0.1.9' };
        const { wasted } = await ghostCapacity.play(asked, breaks);
        return {
          tried: `announced four slots, refused all of ${TICKETS} orders from ${ADDRESSES.length} addresses, and asked for tickets under their ids`,
          answered: [`the router drew it for ${wasted} of them`],
          money: NO_MONEY,
          worked: wasted > TICKETS / 4,
        };
      } finally {
        await router.close();
      }
    },
  },
  {
    attack: emptyParts,
    async play() {
      const { sent, taken, ended } = await emptyParts.play(undefined);
      return {
        tried: `sent ${sent} parts without text, one whenever the gateway would have given up`,
        answered: [`the gateway took ${taken} of them for some of an answer`, `its call ended: ${ended}`],
        money: NO_MONEY,
        worked: taken > 0 || ended !== 'provider_timeout' || sent === 0,
      };
    },
  },
  {
    attack: canaryPicker,
    async play() {
      const { traffic, canaries, tells } = await canaryPicker.play({ seed: 1, epochs: 40, canaries: 'as built' });
      return {
        tried: `compared ${canaries} tests with ${traffic} other requests by sizes, limits, nonces, lists and times`,
        answered: [tells.length === 0 ? 'nothing tells them apart' : `they differ in ${tells.join(', ')}`],
        money: NO_MONEY,
        worked: tells.length > 0,
      };
    },
  },
  {
    attack: figureLiar,
    async play() {
      const requests = 400;
      const honest = await figureLiar.play({ lie: 'none', requests });
      const lies: readonly FigureLie[] = ['friend', 'own figures', 'deaf', 'dear'];
      const told = await Promise.all(lies.map(async (lie) => figureLiar.play({ lie, requests })));
      const won = Math.max(...told.map((one) => one.won));
      return {
        tried: `sent ${requests} requests that asked for low latency to a slow friend: ${lies.join(', ')}`,
        answered: told.map(
          ({ reasons, evidence }, n) => `${lies[n]}: ${reasons.join('; ')} (${evidence} tickets are evidence)`,
        ),
        money: NO_MONEY,
        worked: won > honest.won,
      };
    },
  },
  {
    attack: lyingTicket,
    async play(breaks: Breaks) {
      const network = await createNetwork();
      try {
        const { answered, refused, evidence, declined } = await lyingTicket.play(network, breaks);
        const said = { ...refused, ...declined };
        return {
          tried: `${answered ? 'had a true ticket served' : 'had no true ticket served'}, then lied in ${Object.keys(said).join(', ')}`,
          answered: [
            ...Object.entries(said).map(([what, why]) => `${what}: ${why ?? 'it was taken'}`),
            `tickets that lie in ${evidence.join(', ')} are evidence by themselves`,
          ],
          money: NO_MONEY,
          worked: !answered || Object.values(said).includes(undefined),
        };
      } finally {
        await network.close();
      }
    },
  },
  {
    attack: falseSightings,
    async play() {
      const { laterPpm } = await falseSightings.play({ honest: [30n, 25n], liar: 45n, lies: 'drawn' });
      return {
        tried: 'said with 45 % of the stake that a rival missed every test',
        answered: [`routers multiply the weight of the rival by ${laterPpm / 1_000_000}`],
        money: NO_MONEY,
        worked: laterPpm < 1_000_000,
      };
    },
  },
  {
    attack: lyingPeerRouter,
    async play(breaks: Breaks) {
      const network = await openHandingNetwork();
      try {
        const { rivals, drawn } = await lyingPeerRouter.play(network, breaks);
        const listed = Object.entries(drawn);
        const isLost = ([, ids]: (typeof listed)[number]): boolean => !rivals.every((id) => ids.includes(id));
        return {
          tried:
            'handed a rival on, called it gone, held it back, bent its word, and handed invented keys on until the list was full',
          answered: listed.map((one) => `${one[0]}: the rival is ${isLost(one) ? 'no longer' : 'still'} drawn`),
          money: NO_MONEY,
          worked: listed.some(isLost),
        };
      } finally {
        await network.close();
      }
    },
  },
  {
    attack: earlyWork,
    async play() {
      const { handed, challenges, answered } = await earlyWork.play({ epochs: 10, knows: 'before' });
      return {
        tried: `told a friend ${handed} texts before the epochs whose challenges they might be`,
        answered: [`the friend answered ${answered} of ${challenges} challenges`],
        money: NO_MONEY,
        worked: answered > 0,
      };
    },
  },
  {
    attack: storedWork,
    async play() {
      const keys = 2;
      const { kept, challenges, answered, found } = await storedWork.play({ epochs: 12, keys, hasDevice: false });
      return {
        tried: `kept reports of ${kept} texts that ${keys} keys were given, and answered by them`,
        answered: [`${answered} of ${challenges} challenges were answered`, `${found} of ${keys} keys are found`],
        money: NO_MONEY,
        worked: answered > 0,
      };
    },
  },
  {
    attack: stolenComplaint,
    async play(breaks: Breaks) {
      const validator = openAttacked(breaks);
      let served = await serveValidator(validator);
      const { door } = served;
      breaks.add('validator', async () => {
        await served.close();
        served = await serveValidator(validator, { bind: door.endpoint });
      });
      try {
        const { answers, outcome } = await stolenComplaint.play({ validator, door }, breaks);
        return {
          tried: "cheated, and complained about it before its payer could, with the payer's order and a key of its own",
          answered: [...answers, `the payer's own complaint: ${outcome}`],
          money: outcome === 'upheld' ? 'none: the reply is rejected' : 'the fee of the reply, unless it is audited',
          worked: outcome !== 'upheld',
        };
      } finally {
        await served.close();
        await validator.close();
      }
    },
  },
  {
    attack: bigComplaints,
    async play(breaks: Breaks) {
      const validator = openAttacked(breaks);
      let served = await serveValidator(validator);
      const { door } = served;
      // The validator itself is open again by then.
      breaks.add('validator', async () => {
        await served.close();
        served = await serveValidator(validator, { bind: door.endpoint });
      });
      try {
        const asked = { door, certificates: CERTIFICATES, sizeBytes: 4 * MIB, localAddress: '127.0.1.1' };
        const { askedFor, refusals } = await bigComplaints.play({ ...asked, order: validator.order(2) }, breaks);
        return {
          tried: `sent ${CERTIFICATES} complaints about an order that nobody admitted, with openings of 4 MiB, twice each`,
          answered: [
            `the validator asked for ${askedFor} openings`,
            ...Object.entries(refusals).map(([code, count]) => `${count} times refused: ${code}`),
          ],
          money: NO_MONEY,
          worked: askedFor > 0 || Object.values(refusals).reduce((sum, count) => sum + count, 0) < 2 * CERTIFICATES,
        };
      } finally {
        await served.close();
        await validator.close();
      }
    },
  },
  {
    attack: keyHoarding,
    async play(breaks: Breaks) {
      const directory = createTestDirectory('hoarding');
      const open = () => {
        const store = openStore(`${directory.path}/gateway.db`, { schema: GATEWAY_SCHEMA });
        return { store, ledger: createChannelLedger(createWorkStore(store)) };
      };
      let gateway = open();
      breaks.add('gateway', () => {
        gateway.store.close();
        gateway = open();
      });
      try {
        const ledger: Pick<ChannelLedger, 'reserve'> = { reserve: (...asked) => gateway.ledger.reserve(...asked) };
        const request = {
          ...{ choice: 0, validator: 'aa', keyBudgetAtomic: undefined, isShared: true, maxFeeAtomic: 10n },
          ...{ spendableAtomic: 1_000n, spentAtomic: 0n, createdMs: 1, expiresMs: 2, model: 'ogong/verified/test/a' },
        };
        const { reserved } = await keyHoarding.play({ ledger, keyId: 'hoarder', request, requests: 200 }, breaks);
        const honest = await keyHoarding.play({ ledger, keyId: 'honest', request, requests: 30 });
        return {
          tried: 'asked 200 times with one key, for 10 units each of a channel of 1000, and left at once',
          answered: [`the key got ${reserved} orders`, `another key then got ${honest.reserved} of 30`],
          money: `${10 * reserved} of 1000 units are reserved by the key`,
          worked: honest.reserved < 30,
        };
      } finally {
        gateway.store.close();
        directory.remove();
      }
    },
  },
  {
    attack: queueFlood,
    async play() {
      const queue = createJobQueue({ slots: 1, maxWaiting: 64 });
      const { signal } = new AbortController();
      const turn = () => new Promise<void>((resolve) => setImmediate(resolve));
      const { over } = queueFlood.play({ ask: () => queue.run(turn, signal, 'flood'), jobs: 640 });
      const honest = await Promise.allSettled(
        ['b', 'c', 'd'].flatMap((owner) => Array.from({ length: 8 }, () => queue.run(turn, signal, owner))),
      );
      const served = honest.filter(({ status }) => status === 'fulfilled').length;
      const { done, refused } = await over;
      return {
        tried: 'asked a verifier that holds 64 jobs for 640 at once',
        answered: [`${done} were done, ${refused} refused`, `${served} of 24 jobs of three other validators were done`],
        money: NO_MONEY,
        worked: served < honest.length,
      };
    },
  },
];

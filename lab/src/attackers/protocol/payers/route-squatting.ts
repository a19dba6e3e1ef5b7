import { createHash } from 'node:crypto';
import { RouterService } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { FAKE_MODEL } from '@ogong/testing/gateway/fake-network';
import { defineAttack } from '../define-attack.ts';
import { ADDRESSES, openSmallRouter } from '../network/small-router.ts';
import { type AttackedDoor, openStrangerLink } from '../network/stranger-link.ts';

interface SquattingNetwork {
  readonly door: AttackedDoor;
  readonly model: string;
  readonly tickets: number;
  /** Each of the certificates asks from its own. */
  readonly addresses: readonly string[];
}

const sha256 = (...parts: readonly Uint8Array[]): Uint8Array =>
  new Uint8Array(createHash('sha256').update(Buffer.concat(parts)).digest());

const TICKETS = 64;

/** Tickets for every slot that there is; none of them is ever used. */
export const routeSquatting = defineAttack({
  name: 'route-squatting',
  adversary: 'caller that takes tickets and orders nothing',
  aim: 'make every provider look busy, for nothing',
  stoppedBy: 'Slots held by one address count only up to its share',
  restarts: ['router'],
  async play({ door, model, tickets, addresses }: SquattingNetwork, breaks) {
    const clients = await Promise.all(
      addresses.map((address) => openStrangerLink(door, `squatter ${address}`, address)),
    );
    let got = 0;
    const middle = Math.floor(tickets / 2);
    for (let i = 0; i < tickets; i++) {
      if (i === middle) await breaks.take();
      const router = (clients[i % clients.length] as (typeof clients)[number]).service(RouterService);
      const replyId = sha256(Buffer.from(`squatted ${i}`)).slice(0, 16);
      const _requestHash = sha256(replyId);
      const request = { model, replyId, maxPricePer1k: 1n << 62n };
      await router.route(request).then(
        () => got++,
        () => undefined,
      );
    }
    for (const client of clients) client.close();
    return { tickets: got };
  },
  async stage({ play, breaks, keep }) {
    const { door, ask } = keep(await openSmallRouter(breaks));
    const { tickets } = await play({ door, model: FAKE_MODEL, tickets: TICKETS, addresses: ADDRESSES });
    const { isServed, answer } = await ask();
    return {
      tried: `asked a router for ${TICKETS} tickets from ${ADDRESSES.length} addresses, and ordered nothing`,
      answered: [`the router gave ${tickets} tickets`, answer],
      worked: tickets === 0 || !isServed,
    };
  },
});

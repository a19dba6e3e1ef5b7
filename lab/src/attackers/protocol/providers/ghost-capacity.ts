import { createHash } from 'node:crypto';
import { parseTicket } from '@ogong/protocol/exchange/ticket';
import { RouterService } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { FAKE_MODEL } from '@ogong/testing/gateway/fake-network';
import { defineAttack } from '../define-attack.ts';
import { ADDRESSES, openSmallRouter } from '../network/small-router.ts';
import { type AttackedDoor, openStrangerLink } from '../network/stranger-link.ts';

interface GhostNetwork {
  /** Of a router that lists the provider. */
  readonly door: AttackedDoor;
  readonly model: string;
  /** Requests of honest callers, one after the other. */
  readonly requests: number;
  /** Where they call from. */
  readonly addresses: readonly string[];
  /** From where the provider asks for a ticket under the reply id of each order, so that its refusal finds none. */
  readonly thief?: string;
}

const UNMEASURED = { outputTokens: 0, durationMs: 1 };

const sha256 = (...parts: readonly Uint8Array[]): Uint8Array =>
  new Uint8Array(createHash('sha256').update(Buffer.concat(parts)).digest());

/**
 * A provider announces slots that it does not have, or accepts only orders that it likes. It refuses the other callers,
 * which report that and ask again. It knows the reply id of each order, and may try to take the ticket of that id
 * itself.
 */
export const ghostCapacity = defineAttack({
  name: 'ghost-capacity',
  adversary: 'provider that announces slots that it does not have',
  aim: 'be drawn for far more orders than it serves, and choose among them',
  stoppedBy: 'A refusal after a ticket halves the believed slots, and nobody takes the ticket of another',
  restarts: { none: 'a router keeps refusals in memory, for ten minutes at most' },
  async play({ door, model, requests, addresses, thief }: GhostNetwork, breaks) {
    const link = thief === undefined ? undefined : await openStrangerLink(door, 'thief', thief);
    const provider = link?.service(RouterService);
    const clients = await Promise.all(addresses.map((address) => openStrangerLink(door, `caller ${address}`, address)));
    let wasted = 0;
    for (let i = 0; i < requests; i++) {
      if (i === Math.floor(requests / 2)) await breaks.take();
      const router = (clients[i % clients.length] as (typeof clients)[number]).service(RouterService);
      const replyId = sha256(Buffer.from(`wanted ${i}`)).slice(0, 16);
      const _requestHash = sha256(replyId);
      const request = { model, replyId, maxPricePer1k: 1n << 62n };
      const answer = await router.route(request).catch(() => undefined);
      if (answer === undefined) continue;
      wasted++;
      const { providerId } = parseTicket((answer.ticket as { ticket: Uint8Array }).ticket);
      // Returns the ticket, so that the slot is free for the next caller.
      const own = await provider?.route(request).catch(() => undefined);
      if (own !== undefined) await provider?.report({ replyId, providerId, ...UNMEASURED, outcome: 'unused' });
      await router.report({ replyId, providerId, ...UNMEASURED, outcome: 'refused' }).catch(() => undefined);
    }
    for (const client of clients) client.close();
    link?.close();
    return { wasted };
  },
  async stage({ play, breaks, keep }) {
    const { door } = keep(await openSmallRouter(breaks));
    const [requests, addresses] = [64, ADDRESSES];
    const { wasted } = await play({ door, model: FAKE_MODEL, requests, addresses, thief: '127.0.1.9' });
    return {
      tried: `announced four slots, refused all of ${requests} orders from ${addresses.length} addresses, and asked for tickets under their ids`,
      answered: [`the router drew it for ${wasted} of them`],
      worked: wasted > requests / 4,
    };
  },
});

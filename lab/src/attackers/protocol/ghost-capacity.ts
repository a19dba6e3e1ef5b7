import { createHash } from 'node:crypto';
import { parseTicket } from '@ogong/protocol/exchange/ticket';
import { RouterService } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import type { ProtocolAttack } from './attack.ts';
import { NO_BREAKS } from './breaks.ts';
import { type AttackedDoor, openStrangerLink } from './stranger-link.ts';

export interface GhostNetwork {
  /** Of a router that lists the provider. */
  readonly door: AttackedDoor;
  readonly model: string;
  /** Requests of honest callers, one after the other. */
  readonly requests: number;
  /** Where they call from. */
  readonly addresses: readonly string[];
}

const sha256 = (...parts: readonly Uint8Array[]): Uint8Array =>
  new Uint8Array(createHash('sha256').update(Buffer.concat(parts)).digest());

/**
 * A provider announces slots that it does not have, or takes only orders that it likes: whoever comes with a ticket for one of the
 * others is refused, reports it, and has to ask again.
 */
export const ghostCapacity: ProtocolAttack<GhostNetwork, Promise<{ readonly wasted: number }>> = {
  name: 'ghost-capacity',
  adversary: 'provider that announces slots that it does not have',
  aim: 'be drawn for far more orders than it serves, and choose among them',
  stoppedBy: 'A refusal after a ticket halves the slots that a router believes in',
  restarts: { none: 'a router keeps refusals in memory, for ten minutes at most' },
  async play({ door, model, requests, addresses }, breaks = NO_BREAKS) {
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
      await router.report({ replyId, providerId, outcome: 'refused', outputTokens: 0, durationMs: 1 });
    }
    for (const client of clients) client.close();
    return { wasted };
  },
};

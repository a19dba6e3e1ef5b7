import type { LinkClient } from '@ogong/host/link/link-client';
import { defineAttack } from '../define-attack.ts';
import { ADDRESSES, openSmallRouter } from '../network/small-router.ts';
import { type AttackedDoor, openStrangerLink } from '../network/stranger-link.ts';

const AT_ONCE = 16;
const LINKS_OF_ONE_CERTIFICATE = 8;

const LINKS = 400;

/** Idle links under free certificates, as many as the server accepts. */
export const idleLinks = defineAttack({
  name: 'idle-links',
  adversary: 'stranger with many certificates',
  aim: 'hold every place of a daemon, so that nobody else can reach it',
  stoppedBy: 'Known peers have reserved places, quotas apply per certificate and address, and idle links leave first',
  restarts: ['router'],
  async play(
    {
      door,
      links,
      addresses,
    }: { readonly door: AttackedDoor; readonly links: number; readonly addresses: readonly string[] },
    breaks,
  ) {
    const clients: LinkClient[] = [];
    let opened = 0;
    for (let from = 0; from < links; from += AT_ONCE) {
      if (from <= links / 2 && links / 2 < from + AT_ONCE) await breaks.take();
      const numbers = Array.from({ length: Math.min(AT_ONCE, links - from) }, (_, i) => from + i);
      await Promise.all(
        numbers.map(async (number) => {
          const name = `idle ${Math.floor(number / LINKS_OF_ONE_CERTIFICATE)}`;
          const client = await openStrangerLink(door, name, addresses[number % addresses.length] as string);
          clients.push(client);
          await client.connect().then(
            () => opened++,
            () => undefined,
          );
        }),
      );
    }
    return {
      opened,
      close() {
        for (const client of clients) client.close();
      },
    };
  },
  async stage({ play, breaks, keep }) {
    const { door, ask } = keep(await openSmallRouter(breaks));
    const { opened } = keep(await play({ door, links: LINKS, addresses: ADDRESSES }));
    const { isServed, answer } = await ask();
    return {
      tried: `opened ${LINKS} links to a router under ${LINKS / 8} certificates from ${ADDRESSES.length} addresses`,
      answered: [`${opened} links came up`, answer],
      worked: opened === 0 || !isServed,
    };
  },
});

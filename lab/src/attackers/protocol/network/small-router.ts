import { openRouter } from '../../../bad-days/router-door.ts';
import type { Breaks } from '../breaks.ts';

const SERVED = 'a consumer asked then and got its ticket';
/** Addresses of 127.0.0.0/8 stand for addresses of the internet. */
export const ADDRESSES = ['127.0.1.1', '127.0.1.2', '127.0.1.3', '127.0.1.4'];

/** Opens a router with one provider. `ask` is a consumer that the attack may leave without a ticket. */
export async function openSmallRouter(breaks: Breaks) {
  const router = await openRouter();
  await router.service.announce(router.announcement());
  breaks.add('router', async () => {
    await router.restart();
    await router.service.announce(router.announcement());
  });
  const ask = async () => {
    const { ticket } = await router.service.route(router.route()).catch(() => ({ ticket: undefined }));
    const isServed = ticket !== undefined;
    return { isServed, answer: isServed ? SERVED : 'a consumer asked then and got no ticket' };
  };
  return { ask, door: router.door, close: router.close };
}

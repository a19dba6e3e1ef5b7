import type { ChannelLedger } from '@ogong/gateway/books/channel-ledger';
import { createChannelLedger } from '@ogong/gateway/books/channel-ledger';
import type { Reservation } from '@ogong/gateway/books/reservation';
import { GATEWAY_SCHEMA } from '@ogong/gateway/books/schema';
import { openStore } from '@ogong/host/store/store';
import { createWorkStore } from '@ogong/host/store/work-store';
import { createTestDirectory } from '@ogong/testing/store/test-directory';
import { defineAttack } from '../define-attack.ts';

interface HoardingNetwork {
  readonly ledger: Pick<ChannelLedger, 'reserve'>;
  readonly keyId: string;
  /** Fields that all requests of the key share. */
  readonly request: Omit<Reservation, 'replyId' | 'completionId' | 'keyId'>;
  readonly requests: number;
}

/** One API key asks for long answers and leaves at once: their maximum fees stay reserved until the orders expire. */
export const keyHoarding = defineAttack({
  name: 'key-hoarding',
  adversary: 'one API key',
  aim: "reserve all of a gateway's channel, so that no other key is served",
  stoppedBy: 'A key holds at most its share of a channel',
  restarts: ['gateway'],
  async play({ ledger, keyId, request, requests }: HoardingNetwork, breaks) {
    let reserved = 0;
    const middle = Math.floor(requests / 2);
    for (let i = 0; i < requests; i++) {
      if (i === middle) await breaks.take();
      const reservation = { ...request, keyId, replyId: `${keyId} ${i}`, completionId: `chatcmpl-${keyId}-${i}` };
      await ledger
        .reserve(reservation, () => ({ order: new Uint8Array(1), signature: new Uint8Array(65) }))
        .then(
          () => reserved++,
          () => undefined,
        );
    }
    return { reserved };
  },
  async stage({ play, breaks, keep }) {
    const directory = createTestDirectory('hoarding');
    keep({ close: directory.remove });
    const open = () => {
      const store = openStore(`${directory.path}/gateway.db`, { schema: GATEWAY_SCHEMA });
      return { store, ledger: createChannelLedger(createWorkStore(store)) };
    };
    let gateway = open();
    keep({ close: () => gateway.store.close() });
    breaks.add('gateway', () => {
      gateway.store.close();
      gateway = open();
    });
    const ledger: Pick<ChannelLedger, 'reserve'> = { reserve: (...asked) => gateway.ledger.reserve(...asked) };
    const request = {
      ...{ choice: 0, validator: 'aa', keyBudgetAtomic: undefined, isShared: true, maxFeeAtomic: 10n },
      ...{ spendableAtomic: 1_000n, spentAtomic: 0n, createdMs: 1, expiresMs: 2, model: 'ogong/verified/test/a' },
    };
    const { reserved } = await play({ ledger, keyId: 'hoarder', request, requests: 1_000 });
    const honest = await play({ ledger, keyId: 'honest', request, requests: 30 });
    return {
      tried: 'asked 1,000 times with one key, for 10 units each of a channel of 1000, and left at once',
      answered: [`the key got ${reserved} orders`, `another key then got ${honest.reserved} of 30`],
      money: `${10 * reserved} of 1000 units are reserved by the key`,
      worked: honest.reserved < 30 || reserved !== 50,
    };
  },
});

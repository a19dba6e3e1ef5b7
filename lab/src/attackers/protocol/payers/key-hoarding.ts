import type { ChannelLedger } from '@ogong/gateway/books/channel-ledger';
import type { Reservation } from '@ogong/gateway/books/reservation';
import type { ProtocolAttack } from '../attack.ts';
import { NO_BREAKS } from '../breaks.ts';

export interface HoardingNetwork {
  readonly ledger: Pick<ChannelLedger, 'reserve'>;
  readonly keyId: string;
  /** What every request of the key is like, apart from its id. */
  readonly request: Omit<Reservation, 'replyId' | 'completionId' | 'keyId'>;
  readonly requests: number;
}

/** One API key asks for long answers and leaves at once: what they may cost stays reserved until their orders expire. */
export const keyHoarding: ProtocolAttack<HoardingNetwork, Promise<{ readonly reserved: number }>> = {
  name: 'key-hoarding',
  adversary: 'one API key',
  aim: "reserve all of a gateway's channel, so that no other key is served",
  stoppedBy: 'A key holds at most its share of a channel',
  restarts: ['gateway'],
  async play({ ledger, keyId, request, requests }, breaks = NO_BREAKS) {
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
};

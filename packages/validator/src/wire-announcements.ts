import { createRepeating, type Repeating } from '@ogong/host/time/repeat';
import { equalBytes, toHex } from '@ogong/protocol/base/bytes';
import { ValidatorService } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { acceptForwarded, listStoredAnnouncements } from './intake/hand-announcements.ts';
import { toPeer, type ValidatorState } from './validator-state.ts';

const ASK_TIMEOUT_MS = 5_000;
const INTERVAL_MS = 10_000;
/** Validators asked in each round, in turn. */
const ASKED_AT_ONCE = 4;

/** Asks the other validators in turn for announcements of staked verifiers that this one lacks. */
export function wireHanding(state: ValidatorState): Repeating {
  const { options, crypto, clock, store, group, chain, signer, peerLinks, metrics, log } = state;
  const readStakes = async (payees: readonly Uint8Array[]) => (await chain.client()).stakesOf(payees);
  const onUnread = () => metrics.unread.inc();
  const taking = { crypto, clock, store, group, ledger: chain.ledger, readStakes, onUnread };
  let next = 0;
  return createRepeating({ intervalMs: INTERVAL_MS }, async (signal) => {
    const others = chain.validators().filter(({ address }) => !equalBytes(address, signer.address));
    const asked = Math.min(ASKED_AT_ONCE, others.length);
    for (let i = 0; i < asked && !signal.aborted; i++) {
      const peer = others[next++ % others.length] as (typeof others)[number];
      try {
        const link = peerLinks.to(ValidatorService, toPeer(options, peer));
        const { announcements } = await link.handAnnouncements(
          { held: listStoredAnnouncements({ store, clock }) },
          { timeoutMs: ASK_TIMEOUT_MS, signal },
        );
        const taken = await acceptForwarded(taking, announcements);
        metrics.handed.inc(taken);
        if (taken > 0)
          log.info(
            { from: toHex(peer.address), taken },
            'other validators forwarded announcements of verifiers that were missing here',
          );
      } catch (err) {
        log.debug({ err, peer: toHex(peer.address) }, 'a validator forwarded no announcements');
      }
    }
  });
}

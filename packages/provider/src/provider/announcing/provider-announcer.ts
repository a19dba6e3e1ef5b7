import { createAnnouncer } from '@ogong/host/link/announcer';
import type { Peer } from '@ogong/host/link/link-pool';
import type { Repeating } from '@ogong/host/time/repeat';
import type { Announcement, VerifierEndpoint } from '@ogong/protocol/exchange/announcement';
import { computeOrderLifetime } from '@ogong/protocol/exchange/limits';
import { VerifierService } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { countShardOrders, describeSegments, type SegmentAtWork } from '../cohort/offered-segments.ts';
import { createNewcomerWorker } from '../orders/newcomer-work.ts';
import { describeShared } from '../orders/offers.ts';
import type { ProviderState } from '../provider-state.ts';
import { createEndorsement, type Endorsement } from './endorsement.ts';
import { createStakeNote } from './verifier-stake.ts';

const ENDORSE_TIMEOUT_MS = 2_000;

export interface ProviderAnnouncerOptions {
  readonly intervalMs: number;
  readonly routers: readonly Peer[];
  /** Its second role, announced to validators. */
  readonly verifier: VerifierEndpoint | undefined;
  readonly segments: readonly SegmentAtWork[];
  /** The routes that others reach it by, see parseRoutes. */
  readonly getEndpoint: () => string;
  readonly isReachable: () => boolean;
}

export interface ProviderAnnouncer extends Repeating {
  readonly endorsement: Endorsement | undefined;
}

/** Announces the offers at intervals, with the verifier's endorsement if there is one. */
export function createProviderAnnouncer(
  state: ProviderState,
  { intervalMs, routers, verifier, segments, getEndpoint, isReachable }: ProviderAnnouncerOptions,
): ProviderAnnouncer {
  const { crypto, clock, signer, getPayeeWord, links, chain, beacons, log } = state;
  const endorsement = verifier && openEndorsement(state, verifier);
  const worker = createNewcomerWorker({
    ...{ crypto, chain, beacons, providerId: state.id },
    readStake: async () => (await chain.client()).lockedOf(state.payee),
    onError: (err) => log.warn({ err }, 'no work could be made, which this network asks of keys without stake'),
  });
  const noteStake = createStakeNote({
    ...{ clock, chain },
    readStake: async () => (await chain.client()).stakeOf(state.payee),
    warn: ({ asked, staked }) =>
      log.warn(
        { asked: `${asked}`, staked: `${staked}` },
        'no validator lists this verifier: the network asks its payee for more stake (ogong stake)',
      ),
  });
  const announcer = createAnnouncer(
    { intervalMs },
    {
      ...{ clock, signer, getPayeeWord, links },
      getEndorsement: () => endorsement?.get(),
      getWork: worker.get,
      routers: () => routers,
      validators: chain.validators,
      describe() {
        if (verifier) noteStake().catch((err) => log.warn({ err }, 'the stake of the verifier cannot be read'));
        const described = describeProvider(state, { isReachable: isReachable(), segments });
        state.metrics.shardOrders.set(countShardOrders(segments));
        state.metrics.cohorts.set(described.models.filter(({ cohort }) => cohort !== undefined).length);
        return { ...described, endpoint: getEndpoint(), verifier };
      },
      isLeaving: () => state.isClosing,
      onError: (peer, err) => log.warn({ err, peer: peer.endpoint }, 'an announcement was not taken'),
    },
  );
  return {
    ...announcer,
    endorsement,
    async stop() {
      await Promise.all([announcer.stop(), worker.stop()]);
    },
  };
}

function openEndorsement({ id, crypto, clock, links, log }: ProviderState, verifier: VerifierEndpoint): Endorsement {
  return createEndorsement(
    { providerId: id, keyHash: verifier.keyHash },
    {
      crypto,
      clock,
      ask: () => links.to(VerifierService, verifier).endorse({ providerId: id }, { timeoutMs: ENDORSE_TIMEOUT_MS }),
      onError: (err) => log.warn({ err, verifier: verifier.endpoint }, 'the verifier does not vouch: not announced'),
    },
  );
}

type ProviderDescription = Pick<Announcement, 'providerId' | 'payee' | 'certHash' | 'models' | 'segments'>;

/** The current announcement; it shows no free slot while orders are not accepted. */
export function describeProvider(
  state: Pick<ProviderState, 'id' | 'payee' | 'identity' | 'offers' | 'isClosing' | 'outbox' | 'replyIds' | 'clock'>,
  { isReachable, segments = [] }: { readonly isReachable: boolean; readonly segments?: readonly SegmentAtWork[] },
): ProviderDescription {
  const { id, payee, identity, offers, replyIds, clock } = state;
  const isForgotten = replyIds.forgottenMs() > clock.nowMs() + computeOrderLifetime({ expectedMs: 0 });
  const takesOrders = isReachable && !state.isClosing && !state.outbox.isFull() && !isForgotten;
  return {
    providerId: id,
    payee,
    certHash: identity.id,
    models: offers.flatMap((offer) => describeShared(offer, { takesOrders }) ?? []),
    segments: describeSegments(segments, { takesOrders }),
  };
}

import { LinkError } from '@ogong/host/link/link-error';
import type { LinkPool, Peer } from '@ogong/host/link/link-pool';
import { createRepeating, type Repeating } from '@ogong/host/time/repeat';
import { equalBytes, toHex } from '@ogong/protocol/base/bytes';
import type { Announcement } from '@ogong/protocol/exchange/announcement';
import { findMemberSegment, type OfferedMember } from '@ogong/protocol/exchange/cohort/cohort-offer';
import { describeLayers } from '@ogong/protocol/exchange/cohort/segment';
import { ShardService } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import type { CohortMember } from '@ogong/protocol/settlement/cohort-agreement';
import { type CohortModel, type FormedCohort, formCohort, listOffers } from '../../cohort/form-cohort.ts';
import { createMemberPauses, LONGEST_PAUSE_MS } from '../../cohort/member-pauses.ts';
import type { CohortChainOptions, Replacement, ShardCalls } from '../../shard/chain-state.ts';
import { type CohortChain, createCohortChain } from '../../shard/cohort-chain.ts';
import { createLinkShard } from '../../shard/link-shard.ts';
import type { OfferState } from '../orders/offers.ts';
import type { ProviderState } from '../provider-state.ts';
import { describeSegment, type SegmentAtWork } from './offered-segments.ts';
import type { OpenedLead } from './open-segments.ts';
import { createSegmentSupply } from './segment-supply.ts';

export interface CohortLeadOptions {
  readonly lead: OpenedLead;
  /** The lead's own segment. */
  readonly segment: SegmentAtWork;
  /** The lead's offer of the whole model. */
  readonly offer: Pick<OfferState, 'active'>;
  /** Announcements of other providers are read from them. */
  readonly routers: readonly Peer[];
  readonly intervalMs: number;
  /** Called after the cohort has changed. */
  readonly onChange: () => void;
}

type LeadState = Pick<ProviderState, 'crypto' | 'clock' | 'signer' | 'id' | 'payee' | 'links' | 'log' | 'identity'> & {
  readonly chain: Pick<ProviderState['chain'], 'ledger'>;
};

/** A provider that computes layers for this leader, as it describes itself over its link. */
interface FoundMember {
  readonly peer: Peer;
  readonly member: CohortMember;
}

const ED25519_KEY_BYTES = 32;
const DESCRIBE_TIMEOUT_MS = 5_000;
/** Prompt by which the transfers of tilings are compared. */
const USUAL_PROMPT_ROWS = 512;
/** Members that one look may find unreachable and replace. */
const MAX_REPLACED = 4;
const US_PER_SECOND = 1_000_000n;

/**
 * Forms the cohort of a model whose last layers are here, and looks at its members again at each interval (docs/spec/tilings.md). Other
 * members take over only while no order runs. New orders are refused until then.
 */
export function createCohortLead(options: CohortLeadOptions, state: LeadState): Repeating {
  const { lead, segment, offer, routers, intervalMs, onChange } = options;
  const { seat, slab, modelId } = lead;
  const { links, log } = state;
  const supply = createSegmentSupply(
    { manifestHash: slab.manifestHash, routers, ledger: state.chain.ledger },
    { ...state, onError: (err, { endpoint }) => log.warn({ err, router: endpoint }, 'a router hands no segments on') },
  );
  const pauses = createMemberPauses();
  /** The chain in use, and the ids of all its members so far. */
  let seated: { readonly model: CohortModel; readonly name: string; readonly ids: readonly Uint8Array[] } | undefined;
  let isStopping = false;

  const form = (announcements: readonly Announcement[]): FormedCohort => {
    const own = { providerId: state.id, payee: state.payee, segment: describeSegment(segment, { takesOrders: true }) };
    const standing = seat.standing();
    // A second costs as much as the layers of the leader.
    const secondAtomic = lead.pricePer1kAtomic / US_PER_SECOND;
    return formCohort({
      ...{ own, announcements, pauses, nowMs: state.clock.nowMs(), active: offer.active, modality: 'text' },
      ...('model' in standing && { standing: standing.model }),
      ...{ contextSize: own.segment.contextSize, promptRows: USUAL_PROMPT_ROWS, width: slab.embeddingSize },
      ...{ delayUs: () => undefined, atomicPerDelayUs: secondAtomic, atomicPerTransferUs: secondAtomic },
    });
  };

  /** Other members take over at once, or orders are refused. */
  function noteFailure(providerId: Uint8Array, err: unknown, leastPauseMs?: number): void {
    pauses.note(providerId, state.clock.nowMs(), leastPauseMs);
    log.warn({ err, modelId, member: toHex(providerId) }, 'a member of the cohort failed');
    if (!isStopping) look.trigger().catch(() => undefined);
  }

  const connect = ({ peer, member }: FoundMember): ShardCalls =>
    watchShard(createLinkShard(links, peer), (error) => noteFailure(member.providerId, error));

  function refuse(problem: string): void {
    const before = seat.standing();
    if ('problem' in before && before.problem === problem) return;
    seat.refuse(problem);
    log.warn({ modelId, problem }, 'the model has no cohort');
    onChange();
  }

  function take(model: CohortModel, found: readonly FoundMember[]): void {
    const name = found.map(nameMember).join();
    const before = seat.standing();
    if (name === seated?.name) {
      seat.describe(model);
      if ('problem' in before) onChange();
      return;
    }
    if (offer.active > 0) {
      refuse('the members of the cohort change once its orders have ended');
      return;
    }
    seated = { model, name, ids: model.cohort.members.map(({ providerId }) => providerId) };
    const shards = found.map(connect);
    const onRootMissing = ({ providerId }: CohortMember): void =>
      noteFailure(providerId, new Error('it gave no root of the rows that it sent'), LONGEST_PAUSE_MS);
    const replacing = lead.engine.info().exact && { replace };
    seat.seat(model, openChain({ lead, found, shards, onRootMissing, ...replacing }, state));
    const members = seated.ids.map((id) => toHex(id));
    log.info({ modelId, members, pricePer1kAtomic: `${model.pricePer1kAtomic}` }, 'the cohort serves');
    onChange();
  }

  /** Finds a provider that computes the layers of a member that failed, for the orders that run. The leader's part of the price pays it. */
  async function replace(place: number): Promise<Replacement | undefined> {
    const failed = seated?.model.cohort.members[place];
    if (seated === undefined || failed === undefined) return undefined;
    const { model, ids } = seated;
    const announcements = supply.list();
    const wanted = { ...failed, pricePer1kAtomic: failed.pricePer1kAtomic + lead.pricePer1kAtomic };
    const offers = listOffers({ announcements, nowMs: state.clock.nowMs(), pauses })
      .filter(({ segment: one }) => one.freeCapacity > 0 && findMemberSegment([one], model, wanted) !== undefined)
      .filter(({ providerId }) => !ids.some((id) => equalBytes(id, providerId)))
      .sort((one, other) => (one.segment.pricePer1kAtomic < other.segment.pricePer1kAtomic ? -1 : 1));
    for (const { providerId, segment: one } of offers.slice(0, MAX_REPLACED)) {
      const offered = { ...failed, providerId, pricePer1kAtomic: one.pricePer1kAtomic };
      const found = await describeMember(model, offered, announcements, { lead, links }).catch(() => undefined);
      if (found === undefined) continue;
      // The next look opens a chain with members as they are announced.
      seated = { model, name: '', ids: [...ids, providerId] };
      return { member: found.member, calls: connect(found) };
    }
    return undefined;
  }

  const look = createRepeating(
    { intervalMs },
    async () => {
      await supply.refresh();
      let announcements = supply.list().filter(({ providerId }) => !equalBytes(providerId, state.id));
      for (let replaced = 0; ; replaced++) {
        const formed = form(announcements);
        if (isStopping) return;
        if ('problem' in formed) return refuse(formed.problem);
        const found = await findMembers(formed.model, announcements, { lead, links });
        if (isStopping) return;
        if ('members' in found) return take(formed.model, found.members);
        if (replaced === MAX_REPLACED) return refuse(found.problem);
        log.warn({ modelId, problem: found.problem }, 'a member is left out');
        announcements = announcements.filter(({ providerId }) => !equalBytes(providerId, found.providerId));
      }
    },
    (err) => log.error({ err, modelId }, 'the cohort cannot be formed'),
  );
  return {
    ...look,
    async stop() {
      isStopping = true;
      await look.stop();
    },
  };
}

interface Finding {
  readonly lead: OpenedLead;
  readonly links: LinkPool;
}

/**
 * Asks each member but the leader to describe itself.
 * @returns the first member that cannot be reached, or that has other rows than the leader needs.
 */
async function findMembers(
  model: CohortModel,
  announcements: readonly Announcement[],
  finding: Finding,
): Promise<
  { readonly members: readonly FoundMember[] } | { readonly problem: string; readonly providerId: Uint8Array }
> {
  const members: FoundMember[] = [];
  const asked = model.cohort.members.slice(0, -1).map(async (offered) => {
    try {
      return { offered, found: await describeMember(model, offered, announcements, finding) };
    } catch (error) {
      return { offered, problem: (error as Error).message };
    }
  });
  for (const answer of await Promise.all(asked)) {
    const { offered } = answer;
    if (answer.found === undefined)
      return { problem: `${describeLayers(offered)}: ${answer.problem}`, providerId: offered.providerId };
    members.push(answer.found);
  }
  return { members };
}

/** @throws Error for a member that the leader cannot use, of any kind. */
async function describeMember(
  { numericClass, cohort }: CohortModel,
  { providerId, firstLayer, layers, pricePer1kAtomic }: OfferedMember,
  announcements: readonly Announcement[],
  { lead: { slab, passRows }, links }: Finding,
): Promise<FoundMember> {
  const announced = announcements.find((announcement) => equalBytes(announcement.providerId, providerId));
  if (announced === undefined) throw new Error('its provider is not announced');
  const { endpoint, certHash, payee } = announced;
  const peer = { endpoint, certHash };
  const asked = { manifestHash: cohort.manifestHash, firstLayer };
  const answer = await links.to(ShardService, peer).describe(asked, { timeoutMs: DESCRIBE_TIMEOUT_MS });
  const { sessionKey, embeddingSize, passRows: rows } = answer;
  if (sessionKey.length !== ED25519_KEY_BYTES) throw new Error('its session key has not 32 bytes');
  if (embeddingSize !== slab.embeddingSize) throw new Error(`its rows have ${embeddingSize} values`);
  if (rows < passRows) throw new Error(`its passes have ${rows} rows, and ${passRows} are needed`);
  const terms = { providerId, payee, firstLayer, layers, pricePer1kAtomic, numericClass, sessionKey };
  return { peer, member: terms };
}

const nameMember = ({ peer: { endpoint, certHash }, member }: FoundMember): string =>
  [
    ...[toHex(member.providerId), toHex(member.sessionKey), toHex(member.payee), toHex(certHash), `${endpoint}`],
    ...[member.firstLayer, member.layers, member.pricePer1kAtomic, member.numericClass],
  ].join(' ');

function openChain(
  {
    lead,
    found,
    shards,
    ...changes
  }: {
    readonly lead: OpenedLead;
    readonly found: readonly FoundMember[];
    readonly shards: readonly ShardCalls[];
  } & Pick<CohortChainOptions, 'replace' | 'onRootMissing'>,
  { crypto, chain, signer, id, payee, identity }: LeadState,
): CohortChain {
  const { slab, pricePer1kAtomic, engine, session, passRows } = lead;
  const { contextSize, numericClass } = engine.info();
  const { firstLayer, layers, modelRoot, manifestHash, embeddingSize, vocabularySize } = slab;
  const own: CohortMember = {
    ...{ providerId: id, payee, firstLayer, layers, pricePer1kAtomic, numericClass },
    sessionKey: session.publicKey,
  };
  return createCohortChain({
    ...{ crypto, signer, session, modelRoot, manifestHash, embeddingSize, vocabularySize, contextSize, passRows },
    ...{ ledger: chain.ledger, link: identity.id, shards, ...changes },
    members: [...found.map(({ member }) => member), own],
  });
}

/** A shard that refuses an order since it is full has not failed. */
function watchShard(calls: ShardCalls, onFailed: (error: unknown) => void): ShardCalls {
  const watch = async <T>(call: Promise<T>): Promise<T> =>
    await call.catch((error: unknown) => {
      if (!(error instanceof LinkError && error.refusal === 'unavailable')) onFailed(error);
      throw error;
    });
  return {
    agree: (message) => watch(calls.agree(message)),
    admit: (orderHash, admission) => watch(calls.admit(orderHash, admission)),
    run: (parts) => watch(calls.run(parts)),
    close: (orderHash) => calls.close(orderHash),
    confirm: (orderHash, receipt) => calls.confirm(orderHash, receipt),
    showRecord: (orderHash, bound) => calls.showRecord(orderHash, bound),
  };
}

import type { HandlerContext, ServiceImpl } from '@connectrpc/connect';
import { answerEvidence } from '@ogong/host/link/answer-evidence';
import { formatHostPort } from '@ogong/host/link/host-port';
import type { Caller } from '@ogong/host/link/link-admission';
import { Refusal } from '@ogong/host/link/link-error';
import type { PeerId } from '@ogong/host/link/link-identity';
import { getCaller, getCallerPlace } from '@ogong/host/link/link-server';
import type {
  ReportRequest,
  RouteRequest,
  RouterService,
  SignedAnnouncement,
} from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { listDemand } from './demand-list.ts';
import { handSupply } from './hand-supply.ts';
import { assertRoute, matchRequest } from './match-request.ts';
import { listModels, listOffers } from './model-list.ts';
import type { RouterState } from './router-state.ts';

/** Most offers of one message, which has some 250 KiB then. */
const MAX_LISTED_OFFERS = 1_000;
const MAX_LISTED_RELAYS = 8;
/** Calls of one reply: its ticket, and the report of its outcome. */
const CALLS_OF_A_REPLY = 2;

/** `unused`: the ticket was not ordered. It is no outcome of its provider. */
const OUTCOMES = ['ok', 'abandoned', 'failed-check', 'refused', 'unused'] as const;

/**
 * @param readStakes called for an announcement by a payee without a known stake.
 * @param earn receives the addresses whose replies were served.
 */
export function createRouterService(
  state: RouterState,
  {
    readStakes,
    earn = () => {},
  }: { readonly readStakes: () => void; readonly earn?: (caller: Caller, calls: number) => void },
): ServiceImpl<typeof RouterService> {
  const { supply, stakes, metrics, relays, clock } = state;
  return {
    async announce(signed: SignedAnnouncement, context: HandlerContext) {
      const { payee } = await supply.announce(signed, getCaller(context)).catch((error: unknown) => {
        metrics.announcements.inc({ outcome: 'refused' });
        throw error;
      });
      metrics.announcements.inc({ outcome: 'taken' });
      metrics.providers.set(supply.size());
      // Read stakes now, so that a new payee's stake counts before the next interval.
      if (!stakes.isKnown(payee)) readStakes();
      return {};
    },
    route(request: RouteRequest, context: HandlerContext) {
      const startMs = clock.nowMs();
      try {
        const answer = matchRequest(state, request, getCallerPlace(context));
        metrics.matches.inc({ outcome: 'matched' });
        metrics.steps.add(request.replyId, 'match', { startMs, attributes: { 'gen_ai.request.model': request.model } });
        return answer;
      } catch (error) {
        metrics.matches.inc({ outcome: 'refused' });
        throw error;
      }
    },
    report(message: ReportRequest, context: HandlerContext) {
      takeReport(state, message, getCaller(context));
      if (message.outcome === 'ok') earn(getCallerPlace(context), CALLS_OF_A_REPLY);
      return {};
    },
    getEvidence: ({ nonce }) => answerEvidence('router', state.show, nonce),
    handSupply: (request) => handSupply(state, request),
    listModels: () => ({ models: listModels(supply.offers()) }),
    listOffers: ({ model }) => ({ offers: listOffers(supply.offers(model), MAX_LISTED_OFFERS) }),
    listDemand: ({ limit }) => ({ models: listDemand(state, limit) }),
    listRelays: () => ({
      relays: relays
        .slice(0, MAX_LISTED_RELAYS)
        .map(({ endpoint, certHash }) => ({ endpoint: formatHostPort(endpoint), certHash })),
    }),
  };
}

type ReportState = Pick<RouterState, 'clock' | 'outstanding' | 'refusals' | 'metrics' | 'figures'>;

/** Frees the slot. @throws Refusal if the holder has no such open ticket. */
export function takeReport(
  { clock, outstanding, refusals, metrics, figures }: ReportState,
  {
    replyId,
    providerId,
    outcome,
    outputTokens,
    durationMs,
    firstTokenMs,
  }: Pick<ReportRequest, 'replyId' | 'providerId' | 'outcome' | 'outputTokens' | 'durationMs' | 'firstTokenMs'>,
  holder: PeerId,
): void {
  const known = OUTCOMES.find((name) => name === outcome);
  assertRoute(known !== undefined, `unknown outcome; expected one of ${OUTCOMES.join(', ')}`);
  const ticket = outstanding.settle({ replyId, providerId, holder });
  if (!ticket) throw new Refusal('not-found', 'you hold no open ticket for this reply and provider');
  metrics.openTickets.set(outstanding.size());
  metrics.reports.inc({ outcome: known as string });
  if (known === 'refused') refusals.note(ticket, ticket.group, clock.nowMs());
  else if (known === 'ok') refusals.clear(ticket, ticket.group);
  // Reputation comes from verdicts. Otherwise a gateway could ruin a provider by false reports.
  if (known === 'ok') {
    figures.observe(ticket, ticket.group, { outputTokens, durationMs, firstTokenMs }, clock.nowMs());
  }
}

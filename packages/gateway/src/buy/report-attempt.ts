import type { LinkPool } from '@ogong/host/link/link-pool';
import type { Clock } from '@ogong/host/time/clock';
import { toHex } from '@ogong/protocol/base/bytes';
import { type Finished, RouterService } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import type { ChannelLedger } from '../books/channel-ledger.ts';
import type { ComplaintOutbox } from '../outbox/complaint-outbox.ts';
import type { ProviderMatch } from './match/provider-match.ts';
import type { TicketsAhead } from './match/tickets-ahead.ts';
import type { ProviderAttempt } from './reply.ts';
import type { ValidatorChoice } from './validator-choice.ts';

export interface ComplaintEvidence {
  readonly record?: NonNullable<Finished['record']>;
  readonly opening?: { readonly opening: Uint8Array };
}

/** Services for the report about an attempt to its router. */
export interface RouterReportContext {
  readonly clock: Pick<Clock, 'nowMs'>;
  readonly links: LinkPool;
  /** Default: no ticket is drawn ahead. */
  readonly ahead?: Pick<TicketsAhead, 'drop'>;
  readonly onError?: (error: unknown) => void;
}

/** Services for the report about a provider's failure. */
export interface ReportContext extends RouterReportContext {
  readonly matches: Pick<ProviderMatch, 'exclude'>;
  readonly validators: Pick<ValidatorChoice, 'doubt'>;
  readonly complaints: Pick<ComplaintOutbox, 'put'>;
  readonly ledger: Pick<ChannelLedger, 'abandon'>;
  readonly onFault?: (reason: string, providerId: Uint8Array) => void;
}

/** Reports a provider's fault to the validator and to the router of its ticket. The report to the validator is durable. */
export async function accuseProvider(
  context: ReportContext,
  attempt: ProviderAttempt,
  { reason, evidence = {} }: { readonly reason: string; readonly evidence?: ComplaintEvidence },
): Promise<void> {
  const { providerId } = attempt.match.ticket;
  context.onFault?.(reason, providerId);
  if (reason !== 'abandoned') context.matches.exclude(providerId);
  else context.validators.doubt();
  await context.complaints.put(attempt.validator, { order: attempt.order, reason, ...evidence });
  await context.ledger.abandon(toHex(attempt.replyId));
  const outcome = reason === 'abandoned' ? 'abandoned' : 'failed-check';
  reportToRouter(context, attempt, { outcome, outputTokens: 0 });
}

/** Reports a provider that died to the router. It is paid for the part that it signed, so the validator receives no complaint. */
export function reportBroken(
  context: RouterReportContext & Pick<ReportContext, 'validators' | 'onFault'>,
  attempt: ProviderAttempt,
): void {
  context.onFault?.('abandoned', attempt.match.ticket.providerId);
  context.validators.doubt();
  reportToRouter(context, attempt, { outcome: 'abandoned', outputTokens: 0 });
}

/** Reports an outcome for the provider's public figures (docs/spec/match.md#figures). A lost report does no harm. */
export function reportToRouter(
  { clock, links, ahead, onError = () => {} }: RouterReportContext,
  { replyId, match, startedMs }: ProviderAttempt,
  {
    outcome,
    outputTokens,
    tookMs = clock.nowMs() - startedMs,
    firstTokenMs = 0,
  }: {
    readonly outcome: string;
    readonly outputTokens: number;
    readonly tookMs?: number;
    readonly firstTokenMs?: number;
  },
): void {
  const { providerId } = match.ticket;
  if (outcome !== 'ok' && outcome !== 'unused') ahead?.drop(providerId);
  const durationMs = Math.max(0, Math.min(tookMs, 0xffff_ffff));
  const message = { replyId, providerId, outcome, outputTokens, durationMs, firstTokenMs };
  links.to(RouterService, match.router).report(message).catch(onError);
}

import { toHex } from '@ogong/protocol/base/bytes';
import { type Finished, RouterService } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import type { ProviderAttempt, ReplyContext } from './reply.ts';

export interface ComplaintEvidence {
  readonly record?: NonNullable<Finished['record']>;
  readonly opening?: { readonly opening: Uint8Array };
}

/** Tells the validator, and the router of its ticket, what the provider did. The report to the validator is durable. */
export async function accuseProvider(
  context: ReplyContext,
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

/** The provider died, and is paid for what it had signed: its validator need not be told that it is gone, the router has to be. */
export function reportBroken(context: ReplyContext, attempt: ProviderAttempt): void {
  context.onFault?.('abandoned', attempt.match.ticket.providerId);
  context.validators.doubt();
  reportToRouter(context, attempt, { outcome: 'abandoned', outputTokens: 0 });
}

/** What others see as the provider's figures (docs/spec/match.md#figures). A lost report does no harm. */
export function reportToRouter(
  { clock, links, ahead, onError = () => {} }: ReplyContext,
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

import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { ApiError, type ApiErrorCode } from '@ogong/host/http/api-error';
import type { LinkPool, Peer } from '@ogong/host/link/link-pool';
import type { Clock } from '@ogong/host/time/clock';
import type { BeaconView, KnownBeacon } from '@ogong/host/views/beacon-view';
import type { ChainView } from '@ogong/host/views/chain-view';
import { toHex, utf8Encode } from '@ogong/protocol/base/bytes';
import type { Check } from '@ogong/protocol/base/checks';
import { type Endpoint, parseHeader, type StopReason } from '@ogong/protocol/commitment/header';
import { parseOpening } from '@ogong/protocol/commitment/opening';
import { parseRecordV2 } from '@ogong/protocol/commitment/record';
import { decodeDraws } from '@ogong/protocol/commitment/window';
import type { LedgerSigner } from '@ogong/protocol/crypto/crypto';
import { computeContextBound, computeMaxFee } from '@ogong/protocol/exchange/fee';
import { computeOrderLifetime } from '@ogong/protocol/exchange/limits';
import { encodeOrder, hashOrder, type Order } from '@ogong/protocol/exchange/order';
import type { InferenceRequest } from '@ogong/protocol/exchange/request';
import { type Finished, RouterService, type TokenLogprob } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import type { Receipt } from '@ogong/protocol/stage1/receipt';
import { checkShownLogprobs } from '@ogong/protocol/stage1/shown-logprobs';
import type { Trust } from '@ogong/protocol/stage1/verify-receipt';
import type { NameCacheScope } from './cache-scope.ts';
import type { ChannelLedger, OrderBytes } from './channel-ledger.ts';
import type { ComplaintOutbox } from './complaint-outbox.ts';
import type { EscrowFunding } from './escrow-funding.ts';
import type { Delta, ProviderCall } from './provider-call.ts';
import type { Match, ProviderMatch } from './provider-match.ts';
import type { ReceiptChecker } from './receipt-checker.ts';
import type { ReceiptStore } from './receipt-store.ts';
import type { ValidatorChoice } from './validator-choice.ts';

export interface ReplyJob {
  readonly completionId: string;
  readonly choice: number;
  readonly endpoint: Endpoint;
  /** The exact body, which is what is hashed, forwarded and signed for. */
  readonly body: Uint8Array;
  readonly request: InferenceRequest;
  readonly key: { readonly id: string; readonly budgetAtomic: bigint | undefined };
  readonly signal: AbortSignal;
}

export interface Reply {
  readonly choice: number;
  readonly replyId: string;
  readonly text: string;
  readonly tokens: readonly TokenLogprob[];
  readonly stopReason: StopReason;
  readonly promptTokens: number;
  readonly outputTokens: number;
  readonly receipt: Receipt;
  readonly checks: readonly Check[];
}

export interface ReplyService {
  /**
   * One choice of a completion: streams what a provider says and returns it once it is checked. Until something was
   * streamed, or where the request does not stream, a failing provider is replaced by another.
   * @throws ApiError
   */
  serve(job: ReplyJob): AsyncGenerator<Delta, Reply>;
}

export interface ReplyServiceOptions {
  readonly router: Peer;
  /** Providers that one reply is tried with. Default: 3. */
  readonly maxAttempts?: number;
  readonly modelRoots?: Readonly<Record<string, Uint8Array>>;
}

export interface ReplyServiceDependencies {
  readonly chain: Pick<ChainView, 'ledger' | 'network' | 'validators'>;
  readonly beacon: Pick<BeaconView, 'latest'>;
  readonly links: LinkPool;
  readonly payer: LedgerSigner;
  readonly matches: ProviderMatch;
  readonly providers: ProviderCall;
  readonly validators: ValidatorChoice;
  readonly funding: EscrowFunding;
  readonly ledger: ChannelLedger;
  readonly receipts: ReceiptStore;
  readonly complaints: ComplaintOutbox;
  readonly checker: ReceiptChecker;
  readonly clock: Clock;
  readonly randomBytes: (length: number) => Uint8Array;
  readonly nameCacheScope: NameCacheScope;
  readonly onFault?: (reason: string, providerId: Uint8Array) => void;
  readonly onError?: (error: unknown) => void;
}

/** One try with one provider: a reply id of its own, hence an order of its own. */
interface Attempt {
  readonly replyId: Uint8Array;
  readonly match: Match;
  readonly beacon: KnownBeacon;
  readonly validator: Uint8Array;
  readonly order: OrderBytes;
  readonly startedMs: number;
}

/** The answer is there, and its check waits: a provider that is busy has this long before the answer is given up. */
const OPENING_PATIENCE_MS = 30_000;

export function createReplyService(options: ReplyServiceOptions, dependencies: ReplyServiceDependencies): ReplyService {
  const { maxAttempts = 3, modelRoots } = options;
  const { chain, links, payer, matches, providers, validators, funding, ledger, clock } = dependencies;
  const { onFault = () => {}, onError = () => {} } = dependencies;

  async function open(job: ReplyJob, tried: readonly Uint8Array[]): Promise<Attempt> {
    const { body, request, signal } = job;
    const replyId = dependencies.randomBytes(16);
    const nonce = dependencies.randomBytes(32);
    const requestHash = crypto.sha256(body);
    const [match, validator] = await Promise.all([
      matches.match({
        model: request.model,
        replyId,
        requestHash,
        contextSize: computeContextBound(request),
        exclude: tried,
        signal,
      }),
      validators.pick(),
    ]);
    const { ticket } = match;
    const published = modelRoots?.[request.model];
    if (published && Buffer.compare(published, ticket.modelRoot) !== 0) {
      throw new ApiError('no_provider', `The router offers other weights than those published as ${request.model}.`);
    }
    const beacon = dependencies.beacon.latest();
    const nowMs = clock.nowMs();
    const terms: Omit<Order, 'cumulativeAtomic'> = {
      payer: payer.address,
      validator: validator.address,
      requestHash,
      nonce,
      modelRoot: ticket.modelRoot,
      providerId: ticket.providerId,
      payee: ticket.payee,
      replyId,
      router: ticket.router,
      choice: job.choice,
      contextSize: ticket.contextSize,
      maxFeeAtomic: computeMaxFee(request, ticket.pricePer1kAtomic),
      pricePer1kAtomic: ticket.pricePer1kAtomic,
      epoch: beacon.epoch,
      expiresAtMs: BigInt(nowMs + computeOrderLifetime(request)),
    };
    const order = await reserve(job, terms, nowMs);
    return { replyId, match, beacon, validator: validator.address, order, startedMs: nowMs };
  }

  async function reserve(job: ReplyJob, terms: Omit<Order, 'cumulativeAtomic'>, nowMs: number): Promise<OrderBytes> {
    const validator = toHex(terms.validator);
    const { owedAtomic, outstandingAtomic } = ledger.channel(validator);
    const needed = owedAtomic + outstandingAtomic + terms.maxFeeAtomic;
    const { spendable, spent } = await funding.provide(terms.validator, needed);
    const reservation = {
      replyId: toHex(terms.replyId),
      completionId: job.completionId,
      choice: job.choice,
      validator,
      keyId: job.key.id,
      keyBudgetAtomic: job.key.budgetAtomic,
      maxFeeAtomic: terms.maxFeeAtomic,
      spendableAtomic: spendable,
      spentAtomic: spent,
      createdMs: nowMs,
      expiresMs: Number(terms.expiresAtMs),
    };
    return ledger.reserve(reservation, (cumulativeAtomic) => {
      const order = { ...terms, cumulativeAtomic };
      return { order: encodeOrder(order), signature: payer.signDigest(hashOrder(crypto, chain.ledger, order)) };
    });
  }

  async function* run(job: ReplyJob, attempt: Attempt): AsyncGenerator<Delta, Reply> {
    const { match, order } = attempt;
    const { body, endpoint, request, signal } = job;
    const cacheScope = dependencies.nameCacheScope(job.key.id, match.ticket.providerId);
    const { maxTokens } = request;
    const topLogprobs = request.logprobs ? request.topLogprobs : undefined;
    const call = { match, order, request: body, cacheScope, endpoint, maxTokens, topLogprobs, signal };
    const stream = providers.generate(call);
    let text = '';
    const tokens: TokenLogprob[] = [];
    let finished: Finished;
    try {
      for (;;) {
        const next = await stream.next();
        if (next.done) {
          finished = next.value;
          break;
        }
        text += next.value.text;
        if (job.request.logprobs) tokens.push(...next.value.tokens);
        yield next.value;
      }
    } catch (error) {
      // A client that left is no fault of the provider's: what became of the order is the validator's to say.
      if (!job.signal.aborted && !isRefusal(error)) await accuse(attempt, 'abandoned');
      // What kept a provider from serving may be that it could not reach the validator.
      if (isRefusal(error)) validators.doubt();
      throw error;
    } finally {
      await stream.return(undefined as never);
    }
    return check(job, attempt, { finished, text, tokens });
  }

  async function check(
    job: ReplyJob,
    attempt: Attempt,
    { finished, text, tokens }: { finished: Finished; text: string; tokens: readonly TokenLogprob[] },
  ): Promise<Reply> {
    const { replyId, match, beacon, order } = attempt;
    const { record } = finished;
    if (record === undefined) {
      await accuse(attempt, 'abandoned');
      throw new ApiError('provider_failed', 'The provider finished without a record.');
    }
    const opening = await providers.getOpening(match, replyId, OPENING_PATIENCE_MS).catch(async (cause) => {
      await accuse(attempt, 'opening-withheld', { record });
      throw createCheckFailed('the provider withholds the opening of its commitment', cause);
    });
    const receipt: Receipt = {
      endpoint: job.endpoint,
      ledger: chain.ledger,
      order: { bytes: order.order, signature: order.signature },
      ticket: { bytes: match.signed.ticket, publicKey: match.signed.routerKey, signature: match.signed.signature },
      record: { bytes: record.record, publicKey: record.providerKey, signature: record.signature },
      beacon: beacon.certificate,
      opening: { bytes: opening },
    };
    const trust: Trust = {
      ledger: chain.ledger,
      settlement: chain.network.settlement,
      validators: chain.validators(),
      ...(modelRoots === undefined ? {} : { modelRoots }),
    };
    const response = utf8Encode(text);
    const verdict = await dependencies.checker.check({
      receipt,
      request: job.body,
      response,
      trust,
      nowMs: clock.nowMs(),
    });
    if (!verdict.ok) {
      const failed = verdict.checks.find(({ status }) => status === 'fail');
      await accuse(attempt, failed?.id ?? 'no-check-passed', { record, opening: { opening } });
      throw createCheckFailed(`${failed?.id ?? 'receipt'}: ${failed?.detail ?? 'nothing could be checked'}`);
    }
    const opened = parseOpening(opening);
    const header = parseHeader(opened.header);
    if (job.request.logprobs) {
      const rows = opened.windows.flatMap(({ draws }) => decodeDraws(draws, header).rows);
      const shown = checkShownLogprobs(rows, tokens, job.request.topLogprobs);
      if (shown.status === 'fail') {
        await accuse(attempt, shown.id, { record, opening: { opening } });
        throw createCheckFailed(`${shown.id}: ${shown.detail}`);
      }
    }
    const { tokenCount } = parseRecordV2(record.record);
    const id = toHex(replyId);
    await dependencies.receipts.put(
      { replyId: id, receipt, request: job.body, response, checks: verdict.checks },
      clock.nowMs(),
    );
    await ledger.mark(id, 'delivered');
    report(attempt, 'ok', tokenCount);
    return {
      choice: job.choice,
      replyId: id,
      text,
      tokens,
      stopReason: header.stopReason,
      promptTokens: header.promptTokenCount,
      outputTokens: tokenCount,
      receipt,
      checks: verdict.checks,
    };
  }

  /** Tells validator and router what the provider did, the validator durably. */
  async function accuse(
    attempt: Attempt,
    reason: string,
    evidence: { record?: NonNullable<Finished['record']>; opening?: { opening: Uint8Array } } = {},
  ): Promise<void> {
    const { providerId } = attempt.match.ticket;
    onFault(reason, providerId);
    if (reason !== 'abandoned') matches.exclude(providerId);
    else validators.doubt();
    await dependencies.complaints.put(attempt.validator, { order: attempt.order, reason, ...evidence });
    await ledger.mark(toHex(attempt.replyId), 'abandoned');
    report(attempt, reason === 'abandoned' ? 'abandoned' : 'failed-check', 0);
  }

  /** For the router's statistics only, so a lost one does no harm. */
  function report({ replyId, match, startedMs }: Attempt, outcome: string, outputTokens: number): void {
    const { providerId } = match.ticket;
    const durationMs = Math.max(0, Math.min(clock.nowMs() - startedMs, 0xffff_ffff));
    const message = { replyId, providerId, outcome, outputTokens, durationMs };
    links.to(RouterService, options.router).report(message).catch(onError);
  }

  return {
    async *serve(job) {
      const tried: Uint8Array[] = [];
      let last: ApiError | undefined;
      for (let count = 0; count < maxAttempts; count++) {
        let hasStreamed = false;
        try {
          const attempt = await open(job, tried);
          tried.push(attempt.match.ticket.providerId);
          const stream = run(job, attempt);
          try {
            for (;;) {
              const next = await stream.next();
              if (next.done) return next.value;
              if (job.request.stream) {
                hasStreamed = true;
                yield next.value;
              }
            }
          } finally {
            await stream.return(undefined as never);
          }
        } catch (error) {
          if (!(error instanceof ApiError) || job.signal.aborted) throw error;
          // That nobody else can serve it is not the news: why the one who could did not, is.
          if (last && (error.code === 'no_provider' || error.code === 'model_not_found')) throw last;
          if (hasStreamed || !isProviderFault(error)) throw error;
          last = error;
        }
      }
      throw last as ApiError;
    },
  };
}

/** Another provider may do better. */
const PROVIDER_FAULTS: ReadonlySet<ApiErrorCode> = new Set([
  'provider_failed',
  'provider_timeout',
  'provider_busy',
  'request_refused',
  'ogong_check_failed',
]);
const isProviderFault = ({ code }: ApiError): boolean => PROVIDER_FAULTS.has(code);

/** Said no before it began: nothing was promised, so nothing was broken. */
const isRefusal = (error: unknown): boolean =>
  error instanceof ApiError && (error.code === 'request_refused' || error.code === 'provider_busy');

function createCheckFailed(why: string, cause?: unknown): ApiError {
  return new ApiError(
    'ogong_check_failed',
    `The reply failed its check and is not paid for: ${why}. The validators were told.`,
    { cause },
  );
}

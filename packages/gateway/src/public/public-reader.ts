import { ApiError } from '@ogong/host/http/api-error';
import { LinkError } from '@ogong/host/link/link-error';
import type { LinkPool } from '@ogong/host/link/link-pool';
import { createRateLimiter, type RateLimit } from '@ogong/host/link/token-bucket';
import type { Clock } from '@ogong/host/time/clock';
import type { ChainView } from '@ogong/host/views/chain-view';
import { toHex } from '@ogong/protocol/base/bytes';
import type { QuorumMember } from '@ogong/protocol/crypto/quorum';
import {
  type ListedOffer,
  type ListVerdictsResponse,
  type ModelSupply,
  type ReplyStatus,
  type SettledEntry,
  type SignedIntake,
  ValidatorService,
} from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import type { Routers } from '../buy/match/routers.ts';
import { createMemo } from '../front/memo.ts';

/** State of a reply, as the validator that handles it reports it. */
export interface RelayedStatus {
  readonly validator: Uint8Array;
  readonly status: ReplyStatus;
  /** Absent if the validator does not show it. */
  readonly intake: SignedIntake | undefined;
  readonly settled: SettledEntry | undefined;
}

/** Reads of validators and of the router for anonymous callers. */
export interface PublicReader {
  listModels(): Promise<readonly ModelSupply[]>;
  /** Offers of a model, one by one, as the router says. */
  listOffers(model: string): Promise<readonly ListedOffer[]>;
  /** Finds a reply at a validator, or at every validator if none is given. @returns undefined if none knows the reply. */
  findReply(replyId: Uint8Array, validator: QuorumMember | undefined): Promise<RelayedStatus | undefined>;
  listVerdicts(validator: QuorumMember, page: { readonly from: bigint; readonly limit: number }): Promise<VerdictPage>;
  /**
   * @param sequence of a batch, 0 for the newest.
   * @returns the bytes of the quorum's statement about its head; undefined if there is none.
   */
  findHead(validator: QuorumMember, sequence: bigint): Promise<Uint8Array | undefined>;
  /** @param epoch 0 for the newest. @returns the bytes of its certificate; undefined if no validator has it. */
  findCertificate(epoch: bigint): Promise<Uint8Array | undefined>;
}

type VerdictPage = Pick<ListVerdictsResponse, 'entries' | 'head' | 'length'>;

export interface PublicReaderDependencies {
  /**
   * Links under another certificate than the gateway's own. So questions of strangers do not use up the rate that validators
   * grant the gateway.
   */
  readonly links: LinkPool;
  readonly routers: Routers;
  readonly chain: Pick<ChainView, 'validators'>;
  readonly clock: Clock;
}

const ASK_TIMEOUT_MS = 5_000;
const MAX_ASKED_VALIDATORS = 16;
const MAX_CALLS = 64;

/** Rates below those that a validator grants one stranger. */
const RATES = {
  getReply: { perSecond: 30, burst: 200 },
  getIntake: { perSecond: 4, burst: 40 },
  getSettled: { perSecond: 0.8, burst: 20 },
  getHead: { perSecond: 0.8, burst: 8 },
  listVerdicts: { perSecond: 1.6, burst: 32 },
  getBeacon: { perSecond: 5, burst: 50 },
} as const satisfies Readonly<Record<string, RateLimit>>;

const FRESH_MS = 1_000;
const FOR_EVER = Number.POSITIVE_INFINITY;

const createBusy = (): ApiError =>
  new ApiError('too_many_requests', 'Too much is read at once; try again soon.', { retryAfterS: 2 });

export function createPublicReader({ links, routers, chain, clock }: PublicReaderDependencies): PublicReader {
  const budgets = Object.fromEntries(
    Object.entries(RATES).map(([method, rate]) => [method, createRateLimiter(rate, clock)]),
  ) as Record<keyof typeof RATES, ReturnType<typeof createRateLimiter>>;
  let running = 0;

  /** @returns undefined if the validator refuses, because it has no such thing. @throws ApiError */
  async function ask<T>(
    method: keyof typeof RATES,
    { address, endpoint, certHash }: QuorumMember,
    call: (service: ReturnType<typeof links.to<typeof ValidatorService>>) => Promise<T>,
  ): Promise<T | undefined> {
    if (running >= MAX_CALLS || !budgets[method].take(toHex(address))) throw createBusy();
    running++;
    try {
      return await call(links.to(ValidatorService, { endpoint, certHash }));
    } catch (cause) {
      if (cause instanceof LinkError && cause.refusal === 'not-found') return undefined;
      throw new ApiError('validator_unreachable', `Validator 0x${toHex(address)} does not answer.`, {
        cause,
        retryAfterS: 2,
      });
    } finally {
      running--;
    }
  }

  const limits = { timeoutMs: ASK_TIMEOUT_MS };
  const models = createMemo<readonly ModelSupply[]>({ capacity: 1, lifetimeMs: () => 2 * FRESH_MS }, clock);
  const offers = createMemo<readonly ListedOffer[]>({ capacity: 64, lifetimeMs: () => 5 * FRESH_MS }, clock);
  const statuses = createMemo<ReplyStatus | undefined>({ capacity: 4_096, lifetimeMs: () => FRESH_MS }, clock);
  const intakes = createMemo<SignedIntake | undefined>(
    { capacity: 4_096, lifetimeMs: (found) => (found ? FOR_EVER : FRESH_MS) },
    clock,
  );
  const entries = createMemo<SettledEntry | undefined>(
    { capacity: 1_024, lifetimeMs: (found) => (found ? FOR_EVER : FRESH_MS) },
    clock,
  );
  const heads = createMemo<Uint8Array | undefined>({ capacity: 64, lifetimeMs: () => 5 * FRESH_MS }, clock);
  const pages = createMemo<VerdictPage>({ capacity: 64, lifetimeMs: () => 2 * FRESH_MS }, clock);
  const certificates = createMemo<Uint8Array | undefined>(
    { capacity: 256, lifetimeMs: (found) => (found ? FOR_EVER : FRESH_MS) },
    clock,
  );
  const newest = createMemo<Uint8Array | undefined>({ capacity: 1, lifetimeMs: () => FRESH_MS }, clock);

  const findStatus = (validator: QuorumMember, replyId: Uint8Array): Promise<ReplyStatus | undefined> =>
    statuses(`${toHex(validator.address)} ${toHex(replyId)}`, () =>
      ask('getReply', validator, (service) => service.getReply({ replyId }, limits)),
    );

  /** A router that is busy, or does not answer, leaves out only its own part. */
  async function askRouter<T>(ask: Parameters<typeof routers.first<T>>[0]): Promise<T> {
    try {
      return await routers.first(ask);
    } catch (cause) {
      throw new ApiError('router_unreachable', 'The router does not answer; try again later.', {
        cause,
        retryAfterS: 2,
      });
    }
  }
  const listModels = () =>
    models('', async () => (await askRouter((router) => routers.to(router).listModels({}, limits))).models);
  const orNothing = <T>(reading: Promise<T | undefined>): Promise<T | undefined> => reading.catch(() => undefined);

  return {
    listModels,
    async listOffers(model) {
      // Ask the router only for models that it has named, not for invented names.
      if (!(await listModels()).some((one) => one.model === model)) return [];
      return offers(
        model,
        async () => (await askRouter((router) => routers.to(router).listOffers({ model }, limits))).offers,
      );
    },
    async findReply(replyId, given) {
      const asked = given ? [given] : chain.validators().slice(0, MAX_ASKED_VALIDATORS);
      const told = await Promise.allSettled(
        asked.map(async (validator) => ({ validator, status: await findStatus(validator, replyId) })),
      );
      const found = told.flatMap((one) => (one.status === 'fulfilled' && one.value.status ? [one.value] : []))[0];
      if (found?.status === undefined) {
        const failure = told.find((one) => one.status === 'rejected');
        if (failure) throw failure.reason;
        return undefined;
      }
      const { validator, status } = found;
      const key = `${toHex(validator.address)} ${toHex(replyId)}`;
      const [intake, settled] = await Promise.all([
        orNothing(intakes(key, () => ask('getIntake', validator, (service) => service.getIntake({ replyId }, limits)))),
        status.state === 'settled'
          ? orNothing(
              entries(key, () => ask('getSettled', validator, (service) => service.getSettled({ replyId }, limits))),
            )
          : undefined,
      ]);
      return { validator: validator.address, status, intake, settled };
    },
    listVerdicts: (validator, { from, limit }) =>
      pages(`${toHex(validator.address)} ${from} ${limit}`, async () => {
        const found = await ask('listVerdicts', validator, (service) => service.listVerdicts({ from, limit }, limits));
        if (found === undefined) throw new ApiError('not_found', 'The validator shows no log.');
        const { entries: list, head, length } = found;
        return { entries: list.slice(0, limit), head, length };
      }),
    findHead: (validator, sequence) =>
      heads(`${toHex(validator.address)} ${sequence}`, async () => {
        const found = await ask('getHead', validator, (service) => service.getHead({ sequence }, limits));
        return found && found.certificate.length > 0 ? found.certificate : undefined;
      }),
    async findCertificate(epoch) {
      const memo = epoch === 0n ? newest : certificates;
      return memo(`${epoch}`, async () => {
        for (const validator of chain.validators().slice(0, MAX_ASKED_VALIDATORS)) {
          const found = await orNothing(ask('getBeacon', validator, (service) => service.getBeacon({ epoch }, limits)));
          if (found !== undefined && found.certificate.length > 0) return found.certificate;
        }
        return undefined;
      });
    },
  };
}

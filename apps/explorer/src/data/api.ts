import { fromBase64 } from '@ogong/protocol/base/bytes';
import { formatPath, GATEWAY_ROUTES, PUBLIC_ROUTES, type Route } from '@ogong/protocol/http/routes';
import { readHubCard, readHubRow } from './hub-card.ts';
import { type AnswerFields, asBigInt, asBytes, asCount, asFields, asList, asText, orNothing } from './json-fields.ts';

/** A gateway's description of its network. The chain replaces it if it can be read. */
export interface NetworkInfo {
  readonly chainId: bigint;
  readonly escrow: Uint8Array;
  readonly settlement: Uint8Array;
  /** Addresses of the contracts, to be parsed by `parseDeployment`; undefined if the gateway does not tell them. */
  readonly contracts: unknown;
  readonly rpcUrl: string | undefined;
  readonly epoch: bigint;
  readonly validators: readonly ToldValidator[];
}

export interface ToldValidator {
  readonly address: Uint8Array;
  readonly signingKey: Uint8Array;
  readonly stake: bigint;
  readonly endpoint: string;
  readonly certHash: Uint8Array;
  readonly vrfKey: Uint8Array;
}

export interface ModelRow {
  readonly id: string;
  readonly modelRoot: string;
  readonly modality: string;
  /** The units that its price counts, plural; undefined if the gateway does not know them. */
  readonly units: string | undefined;
  readonly providers: number;
  readonly freeCapacity: number;
  readonly minPricePer1k: bigint;
  readonly contextSize: number;
  readonly verifiers: number;
  readonly stakedVerifiers: number;
  readonly numericClasses: readonly string[];
  /** The most providers that read the prompt of one reply: the shards of a cohort, or 1. */
  readonly promptReaders: number;
}

/** One provider's offer for a model, as the router reports it. */
export interface OfferRow {
  readonly provider: string;
  readonly numericClass: string;
  /** The shards of a cohort, or 1. */
  readonly promptReaders: number;
  readonly pricePer1k: bigint;
  readonly capacity: number;
  readonly freeCapacity: number;
  /** Whole tokens. */
  readonly stake: bigint;
  readonly reputationPpm: number;
  readonly latencyMs: number | undefined;
  readonly tokensPerSecond: number | undefined;
}

export interface RelayedReply {
  readonly validator: Uint8Array;
  readonly state: string;
  readonly verdict: string;
  readonly detail: string;
  readonly recordHash: Uint8Array | undefined;
  readonly transaction: string | undefined;
  readonly intake: { readonly epoch: bigint; readonly signature: Uint8Array } | undefined;
  readonly settled:
    | {
        readonly entry: Uint8Array;
        readonly index: number;
        readonly proof: readonly Uint8Array[];
        readonly transaction: string;
      }
    | undefined;
}

export interface LogPage {
  readonly entries: readonly Uint8Array[];
  readonly head: Uint8Array;
  readonly length: bigint;
}

/** Reason of a failed read: the server's message, or the fault of its answer. */
export class ReadError extends Error {
  override readonly name = 'ReadError';
  readonly code = 'unreadable';
  readonly retryable: boolean;
  /** HTTP status; 0 if no answer came. */
  readonly status: number;
  constructor(message: string, status: number, options?: ErrorOptions) {
    super(message, options);
    this.status = status;
    this.retryable = status === 0 || status === 429 || status >= 500;
  }
}

const MAX_ANSWER_BYTES = 4 * 1024 * 1024;
const MAX_TABLE_BYTES = 32 * 1024 * 1024;
const TIMEOUT_MS = 10_000;
const TABLE_TIMEOUT_MS = 60_000;

export type PublicApi = ReturnType<typeof createPublicApi>;

/** The public reads of a gateway (docs/spec/public-api.md). */
export function createPublicApi(baseUrl: string, fetch: typeof globalThis.fetch = globalThis.fetch.bind(globalThis)) {
  async function getText(path: string): Promise<string> {
    let response: Response;
    let text: string;
    try {
      response = await fetch(new URL(path, baseUrl), { signal: AbortSignal.timeout(TIMEOUT_MS), redirect: 'error' });
      text = await response.text();
    } catch (cause) {
      throw new ReadError('the gateway does not answer', 0, { cause });
    }
    if (text.length > MAX_ANSWER_BYTES) throw new ReadError('the answer is too long', response.status);
    if (!response.ok)
      throw new ReadError(readMessage(text) ?? `the gateway answers ${response.status}`, response.status);
    return text;
  }

  async function getBytes(path: string): Promise<Uint8Array> {
    let response: Response;
    try {
      response = await fetch(new URL(path, baseUrl), {
        signal: AbortSignal.timeout(TABLE_TIMEOUT_MS),
        redirect: 'error',
      });
    } catch (cause) {
      throw new ReadError('the gateway does not answer', 0, { cause });
    }
    if (!response.ok) throw new ReadError(`the gateway answers ${response.status}`, response.status);
    const bytes = await readBounded(response, MAX_TABLE_BYTES);
    if (bytes === undefined) throw new ReadError('the answer is too long', response.status);
    return bytes;
  }

  async function get<T>(path: string, read: (fields: AnswerFields) => T): Promise<T> {
    const text = await getText(path);
    try {
      return read(asFields(JSON.parse(text)));
    } catch (cause) {
      throw new ReadError(`the gateway's answer cannot be read: ${(cause as Error).message}`, 200, { cause });
    }
  }

  const at = <R extends Route>(route: R, parameters: Parameters<typeof formatPath<R>>[1]): string =>
    formatPath(route, parameters);

  return {
    baseUrl,
    network: () => get(PUBLIC_ROUTES.network.path, readNetwork),
    models: () => get(PUBLIC_ROUTES.supply.path, ({ models }) => asList(models).map(readModel)),
    /** Offers of a model, and whether there are more. */
    offers: (model: string) =>
      get(`${PUBLIC_ROUTES.offers.path}?model=${encodeURIComponent(model)}`, ({ offers, has_more }) => ({
        offers: asList(offers).map(readOffer),
        hasMore: has_more === true,
      })),
    reply: (id: string) => get(at(PUBLIC_ROUTES.reply, { id }), readReply),
    verdicts: (address: string, from: bigint, limit: number): Promise<LogPage> =>
      get(`${at(PUBLIC_ROUTES.verdicts, { address })}?from=${from}&limit=${limit}`, ({ entries, head, length }) => ({
        entries: asList(entries).map(asBytes),
        head: asBytes(head),
        length: asBigInt(length),
      })),
    certificate: (epoch: bigint): Promise<Uint8Array> =>
      get(at(PUBLIC_ROUTES.beacon, { epoch: `${epoch}` }), ({ certificate }) => asBytes(certificate)),
    /** Models of the hub with all words of a search, from an index on, and the number of all of them. */
    hubModels: (search: string, { limit, offset }: { readonly limit: number; readonly offset: number }) =>
      get(
        `${PUBLIC_ROUTES.hubModels.path}?search=${encodeURIComponent(search)}&limit=${limit}&offset=${offset}`,
        ({ models, total }) => ({ models: asList(models).map(readHubRow), total: asCount(total) }),
      ),
    hubModel: (maker: string, model: string) => get(at(PUBLIC_ROUTES.hubModel, { maker, model }), readHubCard),
    /** The bytes of the drift table that the gateway has; undefined if it has none. */
    async driftTable(): Promise<Uint8Array | undefined> {
      try {
        return await getBytes(PUBLIC_ROUTES.driftTable.path);
      } catch (error) {
        if (error instanceof ReadError && error.status === 404) return undefined;
        throw error;
      }
    },
    /** The signed record of a reply, where the gateway gives it without a key. */
    record: (id: string): Promise<Uint8Array> =>
      get(`${at(GATEWAY_ROUTES.receipt, { id })}?compact=1`, ({ record }) =>
        fromBase64(asText(asFields(record).bytes)),
      ),
    /** The whole receipt with request and response, where the gateway gives it without a key, or its payer published it. */
    receipt: (id: string): Promise<string> =>
      getText(at(GATEWAY_ROUTES.receipt, { id })).catch(() => getText(at(PUBLIC_ROUTES.receipt, { id }))),
  };
}

/** @returns undefined if there is more, which is not read. */
async function readBounded({ body }: Response, mostBytes: number): Promise<Uint8Array | undefined> {
  const parts: Uint8Array[] = [];
  let length = 0;
  for (const reader = body?.getReader(); reader !== undefined; ) {
    const { done, value } = await reader.read();
    if (done) break;
    length += value.length;
    if (length > mostBytes) {
      await reader.cancel();
      return undefined;
    }
    parts.push(value);
  }
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

function readMessage(text: string): string | undefined {
  try {
    const { error } = JSON.parse(text) as { error?: { message?: unknown } };
    return typeof error?.message === 'string' ? error.message.slice(0, 300) : undefined;
  } catch {
    return undefined;
  }
}

const readNetwork = (fields: AnswerFields): NetworkInfo => ({
  chainId: asBigInt(fields.chain_id),
  escrow: asBytes(fields.escrow),
  settlement: asBytes(fields.settlement),
  contracts: fields.contracts,
  rpcUrl: orNothing(fields.rpc_url, asText),
  epoch: asBigInt(fields.epoch),
  validators: asList(fields.validators).map((value) => {
    const one = asFields(value);
    return {
      address: asBytes(one.address),
      signingKey: asBytes(one.signingKey),
      stake: asBigInt(one.stake),
      endpoint: asText(one.endpoint),
      certHash: asBytes(one.certHash),
      vrfKey: asBytes(one.vrfKey),
    };
  }),
});

function readModel(value: unknown): ModelRow {
  const fields = asFields(value);
  return {
    id: asText(fields.id),
    modelRoot: asText(fields.model_root),
    modality: asText(fields.modality),
    units: orNothing(fields.price_units, asText),
    providers: asCount(fields.providers),
    freeCapacity: asCount(fields.free_capacity),
    minPricePer1k: asBigInt(fields.min_price_per_1k),
    contextSize: asCount(fields.context_size),
    verifiers: asCount(fields.verifiers),
    stakedVerifiers: asCount(fields.staked_verifiers),
    numericClasses: asList(fields.numeric_classes).map(asText),
    // A gateway of an earlier version does not say it.
    promptReaders: asCount(fields.prompt_readers ?? 1),
  };
}

function readOffer(value: unknown): OfferRow {
  const fields = asFields(value);
  return {
    provider: asText(fields.provider),
    numericClass: asText(fields.numeric_class),
    promptReaders: asCount(fields.prompt_readers ?? 1),
    pricePer1k: asBigInt(fields.price_per_1k),
    capacity: asCount(fields.capacity),
    freeCapacity: asCount(fields.free_capacity),
    stake: asBigInt(fields.stake_tokens),
    reputationPpm: asCount(fields.reputation_ppm),
    latencyMs: orNothing(fields.latency_ms, asCount),
    tokensPerSecond: orNothing(fields.tokens_per_second, Number),
  };
}

const readReply = (fields: AnswerFields): RelayedReply => ({
  validator: asBytes(fields.validator),
  state: asText(fields.state),
  verdict: asText(fields.verdict),
  detail: asText(fields.detail),
  recordHash: orNothing(fields.record_hash, asBytes),
  transaction: orNothing(fields.transaction, asText),
  intake: orNothing(fields.intake, (value) => {
    const { epoch, signature } = asFields(value);
    return { epoch: asBigInt(epoch), signature: asBytes(signature) };
  }),
  settled: orNothing(fields.settled, (value) => {
    const { entry, index, proof, transaction } = asFields(value);
    return {
      entry: asBytes(entry),
      index: asCount(index),
      proof: asList(proof).map(asBytes),
      transaction: asText(transaction),
    };
  }),
});

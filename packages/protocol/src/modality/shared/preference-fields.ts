import { fromHex } from '../../base/bytes.ts';
import { MAX_ONLY_PROVIDERS } from '../../exchange/limits.ts';
import { SORTS, type Sort } from '../../exchange/preference.ts';
import { SEAL_SUITES, type SealSuite } from '../../sealing/seal-context.ts';
import { ATTESTED_ROLES, type AttestedRole } from '../../tier/attested-role.ts';
import { lookUpTier } from '../../tier/registry.ts';
import type { Demands } from '../demands.ts';
import { assertKeys, isAbsent } from './field-rules.ts';
import { RequestError } from './request-error.ts';

/** A caller's preference for the provider of its answer (docs/spec/request.md#preference). It changes no bit of a reply. */
export interface RequestPreference {
  readonly sort: Sort | undefined;
  /** Price of 1,000 tokens. */
  readonly maxPricePer1kAtomic: bigint | undefined;
  /** The least amount that an ejection of the provider takes, in whole tokens. Default: the gateway's. */
  readonly minHeldTokens?: bigint;
  /** Ids of the only allowed providers; empty: all. */
  readonly only: readonly Uint8Array[];
  /** Ids of excluded providers. */
  readonly ignore: readonly Uint8Array[];
  /** Roles that have to attest their machines, each once. */
  readonly attested: readonly AttestedRole[];
  /** The suite under which request and reply must be sealed (docs/spec/sealing.md#suite-2). Default: any, or none. */
  readonly sealSuite?: SealSuite;
  /** Whether a second provider may be asked if the first is slow. Default: the gateway's setting. */
  readonly hedge?: boolean;
}

export const NO_PREFERENCE: RequestPreference = {
  ...{ sort: undefined, maxPricePer1kAtomic: undefined, only: [], ignore: [], attested: [] },
};

/** Keys of the object `ogong` for preferences. */
export const PREFERENCES: readonly string[] = [
  'sort',
  'max_price',
  'min_stake',
  'tier',
  'accept',
  'providers',
  'attested',
  'seal_suite',
];

const MAX_TIERS = 8;
const MAX_DIGITS = 38;
const MAX_U64 = (1n << 64n) - 1n;

const WORDS: readonly Sort[] = SORTS.filter((word) => word !== 'none');
/** Suffixes as in marketplaces, and each aim by its own name. */
const SUFFIXES: ReadonlyMap<string, Sort> = new Map<string, Sort>([
  ...WORDS.map((word) => [word, word] as const),
  ...(['cheapest', 'floor'] as const).map((word) => [word, 'price'] as const),
  ...(['fast', 'nitro'] as const).map((word) => [word, 'throughput'] as const),
]);
/** A suffixed id. No id of the network has a colon, and no name in local mode begins like an id and has three slashes. */
const SUFFIXED = /^(ogong\/[^/:]*\/[^/:]*\/[^/:]*):(.*)$/s;

export interface NamedModel {
  /** The name without the suffix, which is ordered, hashed and signed. */
  readonly model: string;
  readonly sort: Sort | undefined;
}

/** Splits the suffix off the name of a model. @throws RequestError for an unknown suffix. */
export function splitModelName(name: string): NamedModel {
  const [, model, suffix] = SUFFIXED.exec(name) ?? [];
  if (model === undefined || suffix === undefined) return { model: name, sort: undefined };
  const sort = SUFFIXES.get(suffix);
  if (sort === undefined) {
    const known = [...SUFFIXES.keys()].map((word) => `:${word}`).join(', ');
    throw new RequestError(`model: behind the id of a model there can be one of ${known}`, 'model');
  }
  return { model, sort };
}

type Fields = Readonly<Record<string, unknown>>;

/**
 * Parses the preference from the object `ogong` and a model's name. Each field is honoured, or refused with the reason.
 * @throws RequestError
 */
export function parsePreference(value: unknown, named: NamedModel): RequestPreference {
  if (isAbsent(value)) return named.sort === undefined ? NO_PREFERENCE : { ...NO_PREFERENCE, sort: named.sort };
  const fields = value as Fields;
  const sort = parseSort(fields.sort);
  if (sort !== undefined && named.sort !== undefined && sort !== named.sort) {
    throw new RequestError(`ogong.sort is ${sort}, and the name of the model asks for ${named.sort}`, 'ogong.sort');
  }
  assertTier(fields, named.model);
  const maxPricePer1kAtomic = parsePrice(fields.max_price);
  const attested = parseAttested(fields.attested);
  const more = {
    ...parseHeld(fields.min_stake),
    ...parseSealSuite(fields.seal_suite),
    ...parseHedge(fields.hedge),
  };
  return { sort: sort ?? named.sort, maxPricePer1kAtomic, attested, ...more, ...parseProviders(fields.providers) };
}

function parseHedge(value: unknown): Pick<RequestPreference, 'hedge'> {
  if (isAbsent(value)) return {};
  if (typeof value === 'boolean') return { hedge: value };
  throw new RequestError('ogong.hedge is true or false', 'ogong.hedge');
}

/** @param value of `ogong.standby`. @throws RequestError */
export function parseStandby(value: unknown): Pick<Demands, 'standbyPer1kAtomic'> {
  if (isAbsent(value)) return {};
  const standbyPer1kAtomic = readWhole(value);
  if (standbyPer1kAtomic !== undefined && standbyPer1kAtomic <= MAX_U64) return { standbyPer1kAtomic };
  throw new RequestError(
    'ogong.standby is a price of 1,000 prompt tokens in atomic units: a whole number, or a text of its digits',
    'ogong.standby',
  );
}

function parseSealSuite(value: unknown): Pick<RequestPreference, 'sealSuite'> {
  if (isAbsent(value)) return {};
  const sealSuite = SEAL_SUITES.find((one) => one === value);
  if (sealSuite !== undefined) return { sealSuite };
  throw new RequestError(`ogong.seal_suite is one of ${SEAL_SUITES.join(', ')}`, 'ogong.seal_suite');
}

function parseAttested(value: unknown): AttestedRole[] {
  if (isAbsent(value)) return [];
  const roles = readList(value, 'ogong.attested', ATTESTED_ROLES.length).map((word) => {
    const role = ATTESTED_ROLES.find((one) => one === word);
    if (role !== undefined) return role;
    throw new RequestError(`ogong.attested has roles of ${ATTESTED_ROLES.join(', ')}`, 'ogong.attested');
  });
  return ATTESTED_ROLES.filter((role) => roles.includes(role));
}

function parseSort(value: unknown): Sort | undefined {
  if (isAbsent(value)) return undefined;
  const sort = WORDS.find((word) => word === value);
  if (sort === undefined) throw new RequestError(`ogong.sort is one of ${WORDS.join(', ')}`, 'ogong.sort');
  return sort;
}

function parseHeld(value: unknown): Pick<RequestPreference, 'minHeldTokens'> {
  if (isAbsent(value)) return {};
  const minHeldTokens = readWhole(value);
  if (minHeldTokens !== undefined && minHeldTokens <= MAX_U64) return { minHeldTokens };
  throw new RequestError(
    'ogong.min_stake is what a provider has to lose, in whole tokens: a whole number, or a text of its digits',
    'ogong.min_stake',
  );
}

function readWhole(value: unknown): bigint | undefined {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return BigInt(value);
  const isText = typeof value === 'string' && value.length <= MAX_DIGITS && /^(?:0|[1-9][0-9]*)$/.test(value);
  return isText ? BigInt(value) : undefined;
}

function parsePrice(value: unknown): bigint | undefined {
  if (isAbsent(value)) return undefined;
  const price = readWhole(value);
  if (price !== undefined) return price;
  throw new RequestError(
    'ogong.max_price is a price of 1,000 tokens in atomic units: a whole number, or a text of its digits',
    'ogong.max_price',
  );
}

/**
 * Asserts the tier. An id names its tier, so nobody is moved to another one. A tier that the caller does not accept is refused
 * before the purchase.
 */
function assertTier({ tier, accept }: Fields, model: string): void {
  const taken = [
    ...(isAbsent(tier) ? [] : [readTier(tier, 'ogong.tier')]),
    ...(isAbsent(accept)
      ? []
      : readList(accept, 'ogong.accept', MAX_TIERS).map((one) => readTier(one, 'ogong.accept'))),
  ];
  if (!isAbsent(accept) && taken.length === 0) {
    throw new RequestError('ogong.accept names no tier; leave it out', 'ogong.accept');
  }
  if (isAbsent(tier) && isAbsent(accept)) return;
  const own = model.startsWith('ogong/') ? model.split('/')[1] : undefined;
  if (own !== undefined && taken.includes(own)) return;
  const param = isAbsent(tier) ? 'ogong.accept' : 'ogong.tier';
  const is = own === undefined ? 'the name of the model names none' : `the model is of tier ${own}`;
  throw new RequestError(`${param}: ${is}, and the request takes ${taken.join(', ')}`, param);
}

function readTier(value: unknown, param: string): string {
  if (typeof value !== 'string') throw new RequestError(`${param}: a tier is a text`, param);
  const { tier, refusal } = lookUpTier(value.slice(0, 64));
  if (tier === undefined) throw new RequestError(`${param}: ${refusal}`, param);
  return tier.name;
}

/** Keys of the object `ogong.providers`. */
export const PROVIDER_KEYS: ReadonlySet<string> = new Set(['only', 'ignore', 'region']);

function parseProviders(value: unknown): Pick<RequestPreference, 'only' | 'ignore'> {
  if (isAbsent(value)) return { only: [], ignore: [] };
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new RequestError('ogong.providers must be an object', 'ogong.providers');
  }
  const fields = value as Fields;
  assertKeys(fields, PROVIDER_KEYS, 'ogong.providers');
  if (!isAbsent(fields.region)) {
    const why = 'no provider can prove where its machine stands, so nobody can promise a region; leave it out';
    throw new RequestError(`ogong.providers.region: ${why}`, 'ogong.providers.region', 'unsupported_parameter');
  }
  const only = parseIds(fields.only, 'ogong.providers.only');
  if (!isAbsent(fields.only) && only.length === 0) {
    throw new RequestError('ogong.providers.only names nobody; leave it out', 'ogong.providers.only');
  }
  return { only, ignore: parseIds(fields.ignore, 'ogong.providers.ignore') };
}

function parseIds(value: unknown, param: string): Uint8Array[] {
  if (isAbsent(value)) return [];
  return readList(value, param, MAX_ONLY_PROVIDERS).map((id) => {
    if (typeof id === 'string' && /^[0-9a-f]{64}$/.test(id)) return fromHex(id, 32);
    throw new RequestError(`${param}: the id of a provider is 64 lower-case hex digits`, param);
  });
}

function readList(value: unknown, param: string, most: number): readonly unknown[] {
  if (Array.isArray(value) && value.length <= most) return value;
  throw new RequestError(`${param} is a list of at most ${most}, in square brackets`, param);
}

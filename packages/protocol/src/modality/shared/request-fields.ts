import { fromHex, ProtocolError } from '../../base/bytes.ts';
import { parseJson } from '../../base/json.ts';
import { MAX_REQUEST_BYTES } from '../../exchange/limits.ts';
import { type Demands, NO_DEMANDS } from '../demands.ts';
import { assertKeys, isAbsent } from './field-rules.ts';
import { type NamedModel, PREFERENCES, parseStandby, splitModelName } from './preference-fields.ts';
import { RequestError } from './request-error.ts';

/** The parsed JSON object of a request's body, or one inside it. */
export type BodyFields = Readonly<Record<string, unknown>>;

/** The longest model name, UTF-16 units. */
export const MAX_MODEL_NAME = 256;

/** Parses a body within its bounds of size and depth. @throws RequestError */
export function parseObject(body: Uint8Array, maxBytes = MAX_REQUEST_BYTES): BodyFields {
  if (body.length > maxBytes) {
    throw new RequestError(`the request body must have at most ${maxBytes} bytes, not ${body.length}`);
  }
  let parsed: unknown;
  try {
    parsed = parseJson(body);
  } catch (cause) {
    if (!(cause instanceof ProtocolError)) throw cause;
    const why = cause.code === 'too-large' ? ` ${cause.message}.` : '';
    throw new RequestError(`We could not parse the JSON body of your request.${why}`, null, null, { cause });
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) {
    throw new RequestError('the request body must be a JSON object');
  }
  return parsed as BodyFields;
}

/** Returns whether a value is text that has a UTF-8 form. */
export const isWellFormedText = (value: unknown): value is string => typeof value === 'string' && value.isWellFormed();

/** @throws RequestError */
export function parseModelName(model: unknown): NamedModel {
  if (isWellFormedText(model) && model.length > 0 && model.length <= MAX_MODEL_NAME) return splitModelName(model);
  throw new RequestError('you must provide a model parameter', 'model');
}

/** Parses a boolean; false if the field is absent. @throws RequestError */
export function parseBoolean(fields: BodyFields, key: string, param = key): boolean {
  const value = fields[key];
  if (isAbsent(value)) return false;
  if (typeof value !== 'boolean') throw new RequestError(`${param} must be a boolean`, param);
  return value;
}

/** Parses a number. @throws RequestError */
export function parseNumber(fields: BodyFields, key: string, low: number, high: number, fallback: number): number {
  const value = fields[key];
  if (isAbsent(value)) return fallback;
  if (typeof value !== 'number' || !(value >= low && value <= high)) {
    throw new RequestError(`${key} must be a number between ${low} and ${high}`, key);
  }
  return value;
}

/** Parses a whole number. @throws RequestError */
export function parseInteger(fields: BodyFields, key: string, low: number, high: number, fallback: number): number {
  const value = parseNumber(fields, key, low, high, fallback);
  if (!Number.isInteger(value)) throw new RequestError(`${key} must be an integer between ${low} and ${high}`, key);
  return value;
}

/** Converts floats of the request to the committed integers: half away from zero. */
export function toFixed(value: number, unit: number): number {
  return value < 0 ? -Math.floor(-value * unit + 0.5) : Math.floor(value * unit + 0.5);
}

/** Parses OpenAI's `seed`. @throws RequestError */
export function parseSeed(value: unknown): bigint | undefined {
  if (isAbsent(value)) return undefined;
  // Beyond 2^53 JSON numbers lose digits, so two seeds would be equal.
  if (typeof value !== 'number' || !Number.isSafeInteger(value)) {
    throw new RequestError('seed must be an integer of at most 53 bits', 'seed');
  }
  return BigInt(value);
}

/** The most answers to one request. */
export const MAX_CHOICES = 8;

/** Keys of the object `ogong` in every modality. */
export const DEMANDS: ReadonlySet<string> = new Set(['exact', 'model_root', 'settle', 'salt', ...PREFERENCES]);

/**
 * Parses the object `ogong` of a body: fields that OpenAI's API does not have.
 * @param known its keys.
 * @throws RequestError
 */
export function parseDemands(value: unknown, known: ReadonlySet<string> = DEMANDS): Demands {
  if (isAbsent(value)) return NO_DEMANDS;
  if (typeof value !== 'object' || Array.isArray(value)) throw new RequestError('ogong must be an object', 'ogong');
  const fields = value as BodyFields;
  assertKeys(fields, known, 'ogong');
  const root = fields.model_root;
  if (!isAbsent(root) && (typeof root !== 'string' || !/^[0-9a-f]{64}$/.test(root))) {
    throw new RequestError('ogong.model_root must be 64 lower-case hex digits', 'ogong.model_root');
  }
  assertSalt(fields.salt);
  parseSources(fields.sources);
  return {
    exact: parseBoolean(fields, 'exact', 'ogong.exact'),
    modelRoot: isAbsent(root) ? undefined : fromHex(root as string, 32),
    acceptedOnly: parseSettle(fields.settle),
    ...parseStandby(fields.standby),
  };
}

/** A source of a prompt, as its author names it (docs/spec/request.md#sources). */
export interface NamedSource {
  readonly url: string;
  /** SHA-256 of the text, which is the whole content of a message; 32 bytes. */
  readonly hash: Uint8Array;
}

const MAX_SOURCES = 16;
const MAX_URL_LENGTH = 2_048;

/** @param value of `ogong.sources`. @throws RequestError */
export function parseSources(value: unknown): readonly NamedSource[] {
  if (isAbsent(value)) return [];
  if (!Array.isArray(value) || value.length === 0 || value.length > MAX_SOURCES)
    throw new RequestError(`ogong.sources is a list of 1 to ${MAX_SOURCES} sources`, 'ogong.sources');
  return value.map((each: unknown, i) => {
    const at = `ogong.sources[${i}]`;
    if (typeof each !== 'object' || each === null || Array.isArray(each))
      throw new RequestError(`${at} must be an object`, at);
    const fields = each as BodyFields;
    assertKeys(fields, SOURCE_KEYS, at);
    const { url, sha256 } = fields;
    if (typeof url !== 'string' || !/^https:\/\/[\x21-\x7e]+$/.test(url) || url.length > MAX_URL_LENGTH)
      throw new RequestError(`${at}.url is an address of https`, `${at}.url`);
    if (typeof sha256 !== 'string' || !/^[0-9a-f]{64}$/.test(sha256))
      throw new RequestError(`${at}.sha256 must be 64 lower-case hex digits`, `${at}.sha256`);
    return { url, hash: fromHex(sha256, 32) };
  });
}

/** Keys of a source of `ogong.sources`. */
export const SOURCE_KEYS: ReadonlySet<string> = new Set(['url', 'sha256']);

/**
 * Asserts the form of a salt. It requests nothing. It prevents that the hash of a request reveals a prompt that somebody can
 * guess.
 */
function assertSalt(value: unknown): void {
  if (isAbsent(value) || (typeof value === 'string' && /^[0-9a-f]{32,64}$/.test(value))) return;
  throw new RequestError('ogong.salt must be 32 to 64 lower-case hex digits', 'ogong.salt');
}

function parseSettle(value: unknown): boolean {
  if (isAbsent(value) || value === 'any') return false;
  if (value === 'accepted') return true;
  throw new RequestError('ogong.settle is "any" or "accepted"', 'ogong.settle');
}

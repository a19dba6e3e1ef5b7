import { createHash, randomBytes } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { writePrivateFile } from '@ogong/host/files/private-files';
import { z } from 'zod';
import type { SpendingOrganisation } from './channel-ledger.ts';

/** The file has dates with four digits of a year. */
const LATEST_EXPIRY_MS = Date.UTC(9999, 11, 31);
const MAX_PATTERNS = 100;
const perMinute = z.number().int().min(1).max(1e9).optional();
const MODEL_PATTERN = /^(?=.)[\x21-\x29\x2b\x2d-\x7e]{0,160}\*?$/;

/** A key as the file has it: only its hash, so that whoever reads the file cannot use it. */
const keySchema = z.object({
  id: z.string().regex(/^[0-9a-f]{8}$/),
  name: z.string().max(100),
  hash: z.string().regex(/^[0-9a-f]{64}$/),
  createdAt: z.iso.datetime(),
  maxSpendAtomic: z
    .string()
    .regex(/^(0|[1-9][0-9]{0,38})$/)
    .optional(),
  revokedAt: z.iso.datetime().optional(),
  expiresAt: z.iso.datetime().optional(),
  rotatedAt: z.iso.datetime().optional(),
  /** Model ids, or beginnings of them that end in `*`. */
  models: z.array(z.string().regex(MODEL_PATTERN)).min(1).max(MAX_PATTERNS).optional(),
  requestsPerMinute: perMinute,
  tokensPerMinute: perMinute,
});
const fileSchema = z.object({ keys: z.array(keySchema).max(100_000) });

export type ApiKey = z.infer<typeof keySchema>;

export class ApiKeyError extends Error {
  override readonly name = 'ApiKeyError';
  readonly code: 'unreadable' | 'malformed' | 'unknown-key' | 'revoked-key' | 'expired-key' | 'usage';
  readonly retryable = false;
  constructor(code: ApiKeyError['code'], message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

export interface KeyHolder {
  readonly id: string;
  readonly budgetAtomic: bigint | undefined;
  /** Which models it may ask for; undefined for all. */
  readonly models?: readonly string[] | undefined;
  readonly limits?: KeyLimits;
  /** Whom it belongs to, with a budget for all of its keys; undefined for nobody. */
  readonly organisation?: SpendingOrganisation | undefined;
}

/** How much a key may ask for in a minute; undefined for as much as there is. */
export interface KeyLimits {
  readonly requestsPerMinute?: number | undefined;
  /** Of prompts and answers. */
  readonly tokensPerMinute?: number | undefined;
}

export interface ApiKeys {
  /** Whether no key was ever made; then the gateway is open to anybody who can reach it. Revoking the last one does not open it again. */
  isEmpty(): boolean;
  /** The holder of a secret, unless it is unknown, revoked or expired. */
  find(secret: string): KeyHolder | undefined;
}

/** Keys carry 256 random bits, so a plain hash cannot be searched; a salt would only cost time. */
const hashSecret = (secret: string): string => createHash('sha256').update(secret).digest('hex');

/** Reads the file again whenever it changed, so that a revocation counts at once. @throws ApiKeyError */
export function openApiKeys(path: string | undefined, onError: (error: unknown) => void, nowMs: () => number): ApiKeys {
  let stamp = '';
  let byHash = new Map<string, { readonly holder: KeyHolder; readonly expiresMs: number }>();
  let isEmpty = true;

  function load(file: string): void {
    const { mtimeMs, size, ino } = statSync(file, { throwIfNoEntry: false }) ?? { mtimeMs: 0, size: 0, ino: 0 };
    const current = `${mtimeMs} ${size} ${ino}`;
    if (current === stamp) return;
    const keys = readApiKeys(file);
    isEmpty = keys.length === 0;
    byHash = new Map(
      keys
        .filter(({ revokedAt }) => revokedAt === undefined)
        .map(({ id, hash, maxSpendAtomic, expiresAt, models, requestsPerMinute, tokensPerMinute }) => {
          const budgetAtomic = maxSpendAtomic === undefined ? undefined : BigInt(maxSpendAtomic);
          const expiresMs = expiresAt === undefined ? Number.POSITIVE_INFINITY : Date.parse(expiresAt);
          const limits = { requestsPerMinute, tokensPerMinute };
          return [hash, { holder: { id, budgetAtomic, models, limits }, expiresMs }];
        }),
    );
    stamp = current;
  }

  function refresh(): void {
    if (path === undefined) return;
    try {
      load(path);
    } catch (error) {
      // The keys that were read last still count: an edit in progress must neither open nor close the gateway.
      onError(error);
    }
  }

  if (path !== undefined) load(path);
  return {
    isEmpty() {
      refresh();
      return isEmpty;
    },
    find(secret) {
      refresh();
      const found = byHash.get(hashSecret(secret));
      return found && nowMs() < found.expiresMs ? found.holder : undefined;
    },
  };
}

/** @returns no keys where there is no file. @throws ApiKeyError */
export function readApiKeys(path: string): ApiKey[] {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw new ApiKeyError('unreadable', `cannot read the API keys in ${path}`, { cause });
  }
  try {
    return fileSchema.parse(JSON.parse(text)).keys;
  } catch (cause) {
    throw new ApiKeyError('malformed', `${path} is not a list of API keys`, { cause });
  }
}

/** Whether a key may ask for a model. */
export const isModelAllowed = ({ models }: Pick<KeyHolder, 'models'>, model: string): boolean =>
  models === undefined ||
  models.some((pattern) => (pattern.endsWith('*') ? model.startsWith(pattern.slice(0, -1)) : model === pattern));

/** Limits of a new key. */
export interface KeyTerms extends KeyLimits {
  readonly maxSpendAtomic: bigint | undefined;
  readonly expiresMs?: number | undefined;
  readonly models?: readonly string[] | undefined;
}

const createSecret = (): string => `ogong-${randomBytes(32).toString('base64url')}`;

/** @returns the secret, which is shown once and stored nowhere. @throws ApiKeyError `usage` */
export function addApiKey(
  path: string,
  {
    name,
    maxSpendAtomic,
    expiresMs,
    models,
    requestsPerMinute,
    tokensPerMinute,
    nowMs,
  }: KeyTerms & { readonly name: string; readonly nowMs: number },
): { key: ApiKey; secret: string } {
  if (expiresMs !== undefined && !(expiresMs <= LATEST_EXPIRY_MS)) {
    throw new ApiKeyError('usage', 'a key ends before the year 10000; leave --lifetime out where it has no end');
  }
  const secret = createSecret();
  const key: ApiKey = {
    id: randomBytes(4).toString('hex'),
    name,
    hash: hashSecret(secret),
    createdAt: new Date(nowMs).toISOString(),
    ...(maxSpendAtomic === undefined ? {} : { maxSpendAtomic: `${maxSpendAtomic}` }),
    ...(expiresMs === undefined ? {} : { expiresAt: new Date(expiresMs).toISOString() }),
    ...(models === undefined ? {} : { models: [...models] }),
    ...(requestsPerMinute === undefined ? {} : { requestsPerMinute }),
    ...(tokensPerMinute === undefined ? {} : { tokensPerMinute }),
  };
  // The daemon refuses a file with a field that it cannot read, so none is written.
  if (!keySchema.safeParse(key).success) {
    throw new ApiKeyError(
      'usage',
      'a name has at most 100 characters, a list of models 1 to 100 ids, of which each may end in *, ' +
        'a limit of a minute is 1 to 1,000,000,000',
    );
  }
  writeApiKeys(path, [...readApiKeys(path), key]);
  return { key, secret };
}

/** Gives a key a new secret. Its id, budget and receipts stay; the old secret ends now. @throws ApiKeyError */
export function rotateApiKey(path: string, id: string, nowMs: number): string {
  const keys = readApiKeys(path);
  const found = keys.find((key) => key.id === id);
  if (found === undefined) throw new ApiKeyError('unknown-key', `no key ${id} in ${path}`);
  if (found.revokedAt !== undefined) throw new ApiKeyError('revoked-key', `key ${id} is revoked; make a new one`);
  if (found.expiresAt !== undefined && Date.parse(found.expiresAt) <= nowMs) {
    throw new ApiKeyError('expired-key', `key ${id} ended at ${found.expiresAt}; make a new one`);
  }
  const secret = createSecret();
  const rotated = { ...found, hash: hashSecret(secret), rotatedAt: new Date(nowMs).toISOString() };
  writeApiKeys(
    path,
    keys.map((key) => (key === found ? rotated : key)),
  );
  return secret;
}

/** @throws ApiKeyError `unknown-key` */
export function revokeApiKey(path: string, id: string, nowMs: number): void {
  const keys = readApiKeys(path);
  if (!keys.some((key) => key.id === id)) throw new ApiKeyError('unknown-key', `no key ${id} in ${path}`);
  const revokedAt = new Date(nowMs).toISOString();
  writeApiKeys(
    path,
    keys.map((key) => (key.id === id && key.revokedAt === undefined ? { ...key, revokedAt } : key)),
  );
}

function writeApiKeys(path: string, keys: readonly ApiKey[]): void {
  writePrivateFile(path, `${JSON.stringify({ keys }, null, 2)}\n`);
}

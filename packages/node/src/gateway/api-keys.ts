import { createHash, randomBytes } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { writePrivateFile } from '@ogong/host/files/private-files';
import { z } from 'zod';

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
});
const fileSchema = z.object({ keys: z.array(keySchema).max(100_000) });

export type ApiKey = z.infer<typeof keySchema>;

export class ApiKeyError extends Error {
  override readonly name = 'ApiKeyError';
  readonly code: 'unreadable' | 'malformed' | 'unknown-key' | 'usage';
  readonly retryable = false;
  constructor(code: ApiKeyError['code'], message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

export interface KeyHolder {
  readonly id: string;
  readonly budgetAtomic: bigint | undefined;
}

export interface ApiKeys {
  /** Whether no key was ever made; then the gateway is open to anybody who can reach it. Revoking the last one does not open it again. */
  isEmpty(): boolean;
  /** The holder of a secret, unless it is unknown or revoked. */
  find(secret: string): KeyHolder | undefined;
}

/** Keys carry 256 random bits, so a plain hash cannot be searched; a salt would only cost time. */
const hashSecret = (secret: string): string => createHash('sha256').update(secret).digest('hex');

/** Reads the file again whenever it changed, so that a revocation counts at once. @throws ApiKeyError */
export function openApiKeys(path: string | undefined, onError: (error: unknown) => void): ApiKeys {
  let stamp = '';
  let byHash = new Map<string, KeyHolder>();
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
        .map(({ id, hash, maxSpendAtomic }) => [
          hash,
          { id, budgetAtomic: maxSpendAtomic === undefined ? undefined : BigInt(maxSpendAtomic) },
        ]),
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
      return byHash.get(hashSecret(secret));
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

/** @returns the secret, which is shown once and stored nowhere. */
export function addApiKey(
  path: string,
  { name, maxSpendAtomic, nowMs }: { name: string; maxSpendAtomic: bigint | undefined; nowMs: number },
): { key: ApiKey; secret: string } {
  const secret = `ogong-${randomBytes(32).toString('base64url')}`;
  const key: ApiKey = {
    id: randomBytes(4).toString('hex'),
    name,
    hash: hashSecret(secret),
    createdAt: new Date(nowMs).toISOString(),
    ...(maxSpendAtomic === undefined ? {} : { maxSpendAtomic: `${maxSpendAtomic}` }),
  };
  writeApiKeys(path, [...readApiKeys(path), key]);
  return { key, secret };
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

import { existsSync } from 'node:fs';
import { dirname } from 'node:path';
import { makePrivateDirectory } from '@ogong/host/files/private-files';
import {
  type ApiKey,
  ApiKeyError,
  addApiKey,
  type KeyLimits,
  readApiKeys,
  revokeApiKey,
  rotateApiKey,
} from './api-keys.ts';

/** The limits are those of a new key. */
export interface KeysCommand extends KeyLimits {
  readonly positionals: readonly string[];
  readonly path: string;
  readonly name: string;
  readonly maxSpendAtomic: bigint | undefined;
  /** How long a new key is valid. */
  readonly lifetimeMs: number | undefined;
  /** What a new key may ask for, as one list with commas. */
  readonly models: string | undefined;
  readonly nowMs: number;
}

/** @returns what to print. @throws ApiKeyError */
export function runKeysCommand(command: KeysCommand): string {
  const { positionals, path, name, maxSpendAtomic, lifetimeMs, nowMs } = command;
  const [verb, id] = positionals;
  if (verb === 'add' && id === undefined) {
    // The file may be named anywhere; the data directory is closed when the daemon starts.
    if (!existsSync(dirname(path))) makePrivateDirectory(dirname(path));
    const { key, secret } = addApiKey(path, {
      name,
      maxSpendAtomic,
      expiresMs: lifetimeMs === undefined ? undefined : nowMs + lifetimeMs,
      models: command.models?.split(',').map((model) => model.trim()),
      requestsPerMinute: command.requestsPerMinute,
      tokensPerMinute: command.tokensPerMinute,
      nowMs,
    });
    return `key ${key.id} (${key.name}) in ${path}; its secret is shown only now:\n${secret}\n`;
  }
  if (verb === 'list' && id === undefined) {
    const lines = readApiKeys(path).map((key) => `${key.id}  ${key.createdAt}  ${describe(key, nowMs)}  ${key.name}\n`);
    return lines.join('') || `no keys in ${path}\n`;
  }
  if (verb === 'revoke' && id !== undefined) {
    revokeApiKey(path, id, nowMs);
    return `key ${id} is revoked\n`;
  }
  if (verb === 'rotate' && id !== undefined) {
    const secret = rotateApiKey(path, id, nowMs);
    return `key ${id} has a new secret, which is shown only now; the old one ended:\n${secret}\n`;
  }
  throw new ApiKeyError('usage', 'say one of: keys add, keys list, keys rotate <id>, keys revoke <id>');
}

function describe(key: ApiKey, nowMs: number): string {
  const { revokedAt, expiresAt, maxSpendAtomic, models, requestsPerMinute, tokensPerMinute } = key;
  if (revokedAt !== undefined) return 'revoked';
  const parts = [maxSpendAtomic === undefined ? 'no limit' : `at most ${maxSpendAtomic}`];
  if (expiresAt !== undefined) parts.push(`${Date.parse(expiresAt) <= nowMs ? 'expired' : 'until'} ${expiresAt}`);
  if (models !== undefined) parts.push(`only ${models.join(',')}`);
  if (requestsPerMinute !== undefined) parts.push(`${requestsPerMinute} requests a minute`);
  if (tokensPerMinute !== undefined) parts.push(`${tokensPerMinute} tokens a minute`);
  return parts.join('; ');
}

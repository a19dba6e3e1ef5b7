import { existsSync } from 'node:fs';
import { dirname } from 'node:path';
import { makePrivateDirectory } from '@ogong/host/files/private-files';
import { ApiKeyError, addApiKey, readApiKeys, revokeApiKey } from './api-keys.ts';

export interface KeysCommand {
  readonly positionals: readonly string[];
  readonly path: string;
  readonly name: string;
  readonly maxSpendAtomic: bigint | undefined;
  readonly nowMs: number;
}

/** @returns what to print. @throws ApiKeyError */
export function runKeysCommand({ positionals, path, name, maxSpendAtomic, nowMs }: KeysCommand): string {
  const [verb, id] = positionals;
  if (verb === 'add' && id === undefined) {
    // The file may be named anywhere; the data directory is closed when the daemon starts.
    if (!existsSync(dirname(path))) makePrivateDirectory(dirname(path));
    const { key, secret } = addApiKey(path, { name, maxSpendAtomic, nowMs });
    return `key ${key.id} (${key.name}) in ${path}; its secret is shown only now:\n${secret}\n`;
  }
  if (verb === 'list' && id === undefined) {
    const lines = readApiKeys(path).map((key) => {
      const budget = key.maxSpendAtomic === undefined ? 'no limit' : `at most ${key.maxSpendAtomic}`;
      return `${key.id}  ${key.createdAt}  ${key.revokedAt ? 'revoked' : budget}  ${key.name}\n`;
    });
    return lines.join('') || `no keys in ${path}\n`;
  }
  if (verb === 'revoke' && id !== undefined) {
    revokeApiKey(path, id, nowMs);
    return `key ${id} is revoked\n`;
  }
  throw new ApiKeyError('usage', 'say one of: keys add, keys list, keys revoke <id>');
}

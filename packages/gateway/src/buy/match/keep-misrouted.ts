import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { makePrivateDirectory, writePrivateFile } from '@ogong/host/files/private-files';
import { toBase64, toHex } from '@ogong/protocol/base/bytes';
import type { Match } from './provider-match.ts';

/** A router that misroutes once does it often; a few cases show it. */
const MAX_KEPT = 64;

/**
 * Keeps a signed ticket and the list that it names. Together they prove to anybody that the router misrouted
 * (docs/spec/match.md#misrouting).
 * @returns the file; undefined if enough cases are kept, or the file cannot be written.
 */
export function keepMisrouted(
  directory: string,
  { signed, candidates }: Pick<Match, 'signed' | 'candidates'>,
): string | undefined {
  const { ticket, routerKey, signature } = signed;
  const path = join(directory, `${toHex(crypto.sha256(ticket)).slice(0, 32)}.json`);
  try {
    makePrivateDirectory(directory);
    if (existsSync(path)) return path;
    if (readdirSync(directory).length >= MAX_KEPT) return undefined;
    const fields = { ticket, routerKey, signature, candidates };
    const json = Object.fromEntries(Object.entries(fields).map(([name, bytes]) => [name, toBase64(bytes)]));
    writePrivateFile(path, `${JSON.stringify(json)}\n`);
    return path;
  } catch {
    return undefined;
  }
}

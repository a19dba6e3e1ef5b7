import { readFileSync } from 'node:fs';
import type { UpstreamLink } from '@ogong/engine/upstream/connection';
import { ConfigError } from '@ogong/host/config/config-error';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { explainFile } from '@ogong/host/log/errors';
import { systemClock as clock } from '@ogong/host/time/clock';
import { createShownLink } from './shown-link.ts';

/** @throws ConfigError if a file of --upstream-authority cannot be read. */
export function openShownLink(
  command: string,
  {
    upstreamAuthority: paths,
    upstream,
  }: { readonly upstreamAuthority: readonly string[]; readonly upstream?: string | undefined },
): UpstreamLink | undefined {
  if (paths.length === 0) return undefined;
  if (upstream?.startsWith('https:') !== true)
    throw new ConfigError(command, ['--upstream-authority is for an address of https']);
  const authorities = paths.map((path) => {
    try {
      return readFileSync(path, 'utf8');
    } catch (error) {
      throw new ConfigError(command, [`--upstream-authority ${path}: ${explainFile(error)}`]);
    }
  });
  return createShownLink(authorities, { crypto, clock });
}

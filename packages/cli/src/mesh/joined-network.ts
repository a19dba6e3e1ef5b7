import { existsSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { type Deployment, parseDeployment } from '@ogong/chain/deployment';
import { domainOf } from '@ogong/chain/domain';
import { ChainError } from '@ogong/chain/errors';
import { makePrivateDirectory, writePrivateFile } from '@ogong/host/files/private-files';
import { fromHex } from '@ogong/protocol/base/bytes';
import type { Trust } from '@ogong/protocol/stage1/trust';
import { z } from 'zod';

/** The network that this user has joined by `ogong join`. */
export interface JoinedNetwork {
  readonly gatewayUrl: string;
  /** Hash of the key that signed its document. */
  readonly fingerprint: string;
  readonly path: string;
  readonly deploymentFile: string;
  readonly rpcUrl: string;
  /** Contracts; the chain has the rest. */
  readonly trust: Trust;
}

const notesSchema = z.object({ gateway: z.string(), fingerprint: z.string(), rpcUrl: z.string() });

const placeOf = (home: string) => {
  const directory = join(home, '.ogong', 'network');
  return { directory, path: join(directory, 'network.json'), deploymentFile: join(directory, 'deployment.json') };
};

export function writeJoined(
  { gateway, fingerprint, rpcUrl, deployment }: z.infer<typeof notesSchema> & { readonly deployment: Deployment },
  home: string = homedir(),
): void {
  const { directory, path, deploymentFile } = placeOf(home);
  makePrivateDirectory(directory);
  writePrivateFile(deploymentFile, `${JSON.stringify({ ...deployment, rpcUrl }, null, 2)}\n`);
  writePrivateFile(path, `${JSON.stringify({ gateway, fingerprint, rpcUrl }, null, 2)}\n`);
}

/** Undefined if no network was joined, or its files cannot be used. */
export function findJoined(home: string = homedir()): JoinedNetwork | undefined {
  const { path, deploymentFile } = placeOf(home);
  if (!existsSync(path)) return undefined;
  try {
    const { gateway: gatewayUrl, ...notes } = notesSchema.parse(JSON.parse(readFileSync(path, 'utf8')));
    const deployment = parseDeployment(readFileSync(deploymentFile, 'utf8'));
    const trust = {
      ledger: domainOf(deployment, deployment.escrow),
      settlement: fromHex(deployment.settlement.slice(2).toLowerCase(), 20),
    };
    return { gatewayUrl, ...notes, path, deploymentFile, trust };
  } catch (error) {
    const isKnown = error instanceof ChainError || error instanceof z.ZodError || error instanceof SyntaxError;
    if (isKnown || (error as NodeJS.ErrnoException).code !== undefined) return undefined;
    throw error;
  }
}

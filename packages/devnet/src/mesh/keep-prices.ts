import { setTimeout as delay } from 'node:timers/promises';
import type { ChainClient } from '@ogong/chain/client';
import { writePrivateFile } from '@ogong/host/files/private-files';
import { describeDevPrices } from '../chain/dev-market.ts';

const INTERVAL_MS = 2_000;

/** Writes the pool's price of a token repeatedly: validators read it there, sign it and post it. */
export async function keepPrices(
  client: ChainClient,
  { file, signal }: { readonly file: string; readonly signal: AbortSignal },
): Promise<void> {
  while (!signal.aborted) {
    // A chain that does not answer leaves the prices of before, until they are too old.
    await writePrices(client, file).catch(() => undefined);
    await delay(INTERVAL_MS, undefined, { ref: false, signal }).catch(() => undefined);
  }
}

export const writePrices = async (client: ChainClient, file: string): Promise<void> =>
  writePrivateFile(file, await describeDevPrices(client));

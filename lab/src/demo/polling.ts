import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { BeaconKeysReading } from '@ogong/chain/validators/beacon-keys';

const pollMs = 500;

/** How many providers offer the model, as the gateway sees it. */
export async function countProviders(gatewayUrl: string, model: string): Promise<number> {
  try {
    const response = await fetch(`${gatewayUrl}/v1/models`);
    const { data } = (await response.json()) as { data: { id: string; ogong?: { providers?: number } }[] };
    return data.find(({ id }) => id === model)?.ogong?.providers ?? 0;
  } catch {
    return 0;
  }
}

/** Whether an epoch of the first key is over, by the chain's time: validators have certified it, and gateways have seen that. */
export function isKeyInForce(reading: BeaconKeysReading | undefined): boolean {
  const firstEpoch = reading?.generations[0]?.firstEpoch;
  return reading !== undefined && firstEpoch !== undefined && reading.epoch > firstEpoch + 1n;
}

export async function waitUntil(holds: () => Promise<boolean>, patienceMs: number): Promise<boolean> {
  const deadline = performance.now() + patienceMs;
  for (;;) {
    if (await holds()) return true;
    if (performance.now() >= deadline) return false;
    await delay(pollMs);
  }
}

/** Repeats a call until it does not fail in this way. @throws any other error, or the last one of this kind */
export async function retryWhile<T>(
  call: () => Promise<T>,
  isTemporary: (error: unknown) => boolean,
  patienceMs: number,
): Promise<T> {
  for (const deadline = performance.now() + patienceMs; ; await delay(pollMs)) {
    try {
      return await call();
    } catch (error) {
      if (!isTemporary(error) || performance.now() >= deadline) throw error;
    }
  }
}

/**
 * Waits as long as what is read goes on changing: a busy machine is slow, and only one that does nothing more has failed.
 * @param patienceMs since the last change.
 */
export async function waitWhileChanging(
  read: () => Promise<{ readonly isDone: boolean; readonly shown: string }>,
  patienceMs: number,
): Promise<boolean> {
  let last = '';
  let deadline = performance.now() + patienceMs;
  for (;;) {
    const { isDone, shown } = await read();
    if (isDone) return true;
    if (shown !== last) deadline = performance.now() + patienceMs;
    else if (performance.now() >= deadline) return false;
    last = shown;
    await delay(pollMs);
  }
}

/** Where the cheat leaves copies of what it signed. */
export const evidenceDirectory = (directory: string): string => join(directory, 'cheat-evidence');

import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

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

export async function waitUntil(holds: () => Promise<boolean>, patienceMs: number): Promise<boolean> {
  const deadline = performance.now() + patienceMs;
  for (;;) {
    if (await holds()) return true;
    if (performance.now() >= deadline) return false;
    await delay(pollMs);
  }
}

/** Where the cheat leaves copies of what it signed. */
export const evidenceDirectory = (directory: string): string => join(directory, 'cheat-evidence');

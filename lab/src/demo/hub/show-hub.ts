import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { shorten } from '../format.ts';
import { openLinks } from '../mesh-router.ts';
import { describeChecks, type Screen } from '../print.ts';
import { startHubNetwork } from './hub-network.ts';
import type { HubRecord, ServedRecord } from './hub-record.ts';
import { runHub } from './run-hub.ts';

/** Runs a small network of its own with models of the hub, prints its reply, and stops it. */
export async function showHub(demoDirectory: string, screen: Screen): Promise<HubRecord> {
  screen.title('Hub: a pushed model that no operator has named, a poisoned mirror, and paid storage');
  const directory = join(demoDirectory, 'hub');
  mkdirSync(directory, { recursive: true });
  const network = await startHubNetwork(directory, screen.progress);
  try {
    const links = await openLinks();
    try {
      const record = await runHub({ network, links, onProgress: screen.progress });
      screen.lines(describeReply(record.served));
      return record;
    } finally {
      links.close();
    }
  } finally {
    await network.stop();
  }
}

function describeReply({ reply }: ServedRecord): string {
  if ('error' in reply) return `refused: ${reply.error}`;
  const { provider, text, durationMs, checks, end } = reply;
  return [
    `by ${provider} in ${Math.round(durationMs)} ms: ${shorten(text, 90)}`,
    `      ${describeChecks(checks)}`,
    `      ${end === undefined ? 'not settled' : `${end.verdict} by the verifier of ${end.verifiers.join(' and ')}`}`,
  ].join('\n');
}

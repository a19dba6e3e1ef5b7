import { setTimeout as delay } from 'node:timers/promises';
import { createProviderCall, type GenerateInput } from '@ogong/gateway/buy/provider-call';
import type { LinkPool } from '@ogong/host/link/link-pool';
import { defineAttack } from '../define-attack.ts';

/** How long the gateway waits for a first token, ms. */
const PATIENCE_MS = 200;
const MOST_PARTS = 100;

/** A provider that has nothing to say yet sends a part without text at once, and another one whenever its caller would give up. */
export const emptyParts = defineAttack({
  name: 'empty-parts',
  adversary: 'provider that sends empty parts, or tokens without text',
  aim: 'look like the fastest, win races between two providers with nothing, keep clients waiting, and not be replaced when it dies',
  stoppedBy: 'A gateway counts only text: as the first token, as a sign of life, and as shown output',
  restarts: { none: 'a reply that runs ends with its gateway' },
  async play() {
    let sent = 0;
    async function* generate(_asked: unknown, { signal }: { readonly signal: AbortSignal }) {
      yield { event: { case: 'started', value: { calls: '', reasoning: '', marks: '' } } };
      for (; sent < MOST_PARTS; sent++) {
        yield { event: { case: 'delta', value: { text: '', tokens: [] } } };
        await delay(PATIENCE_MS / 4, undefined, { signal });
      }
    }
    const links = { to: () => ({ generate }) } as unknown as LinkPool;
    const patience = { firstTokenTimeoutMs: PATIENCE_MS, idleTimeoutMs: PATIENCE_MS, totalTimeoutMs: 60_000 };
    const ticket = { providerId: new Uint8Array(32), providerEndpoint: 'p:1', providerCertHash: new Uint8Array(32) };
    const asked = { match: { ticket, signed: {} }, order: {}, request: new Uint8Array(), maxTokens: MOST_PARTS };
    const input = { ...asked, signal: new AbortController().signal } as unknown as GenerateInput;
    const stream = createProviderCall(patience, { links }).generate(input);
    let taken = 0;
    const read = async (): Promise<string> => {
      while (!(await stream.next()).done) taken++;
      return 'whole';
    };
    const ended = await read().catch((error: { readonly code?: string }) => error.code ?? 'failed');
    return { sent, taken, ended };
  },
  async stage({ play }) {
    const { sent, taken, ended } = await play();
    return {
      tried: `sent ${sent} parts without text, one whenever the gateway would have given up`,
      answered: [`the gateway took ${taken} of them for some of an answer`, `its call ended: ${ended}`],
      worked: taken > 0 || ended !== 'provider_timeout' || sent === 0,
    };
  },
});
